/** The API as functions, derived from the declarations: what the command line uses. */
import { Readable } from "node:stream";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";
import { errorFrom } from "./api-error.ts";
import type { FileAnswer, InputOf, ResultOf, RouteShape } from "./route.ts";
import { ROUTES, type RouteName, type Routes } from "./routes.ts";

/** Throws FerryError: the controller's own, `controller-unreachable`, `bad-answer`, `interrupted`. */
export type Client = {
  readonly [Name in RouteName]: (
    input: InputOf<Routes[Name]>,
    options?: { readonly signal?: AbortSignal },
  ) => Promise<ResultOf<Routes[Name]>>;
};

export interface ClientOptions {
  /** An operator's; without one, only what is for anyone. */
  readonly token?: string | undefined;
}

export function createClient(url: string, { token }: ClientOptions = {}): Client {
  const server = { base: url.replace(/\/+$/, ""), token };
  const call = Object.fromEntries(
    Object.entries<RouteShape>(ROUTES).map(([name, shape]) => [name, caller(server, name, shape)]),
  );
  // Each function was made from the declaration of its own name.
  return call as unknown as Client;
}

interface Server {
  readonly base: string;
  readonly token: string | undefined;
}

interface AnyInput {
  readonly params?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
}

function caller(server: Server, name: string, shape: RouteShape) {
  let check: ((value: unknown) => unknown) | undefined;
  return async (input: AnyInput, { signal }: { readonly signal?: AbortSignal } = {}): Promise<unknown> => {
    const response = await send(server, shape, input, signal);
    if (!response.ok) throw errorFrom(response.status, await response.text());
    if (shape.result === "bytes") return Readable.from(response.body ?? []);
    if (shape.result === "file") return fileOf(response);
    check ??= gate(`answer to ${name}`, shape.result);
    try {
      return check(await response.json());
    } catch (cause) {
      if (!(cause instanceof ProtocolError) && !(cause instanceof SyntaxError)) throw cause;
      throw new FerryError(
        "bad-answer",
        `${server.base} did not answer as a controller of this version does: ${cause.message}`,
        {
          hint: "Is it a Modelferry controller, and of this version? Compare `ferry version` and `ferry status`.",
          cause,
        },
      );
    }
  };
}

async function fileOf(response: Response): Promise<FileAnswer> {
  const fileName = /filename="([^"]*)"/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "";
  return { mediaType: response.headers.get("content-type") ?? "", fileName, text: await response.text() };
}

async function send({ base, token }: Server, shape: RouteShape, input: AnyInput, signal: AbortSignal | undefined) {
  const { body, headers } = bodyOf(shape, input.body);
  try {
    return await fetch(base + pathOf(shape, input), {
      method: shape.method,
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      // An operator's token goes to the address that was named, and nowhere else.
      redirect: "error",
      ...(body === undefined ? {} : { body, duplex: "half" }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (signal?.aborted === true) {
      throw new FerryError("interrupted", "Stopped waiting for the controller", { exitCode: EXIT.interrupted, cause });
    }
    // What was to be sent could not be read: the controller has nothing to do with that.
    if (input.body instanceof Readable && input.body.errored !== null) throw input.body.errored;
    const reason = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
    const isMistrusted = TLS_FAILURE.test(systemCodeOf(cause instanceof Error ? cause.cause : undefined) ?? "");
    if (isMistrusted) {
      throw new FerryError("certificate-refused", `The certificate of ${base} is not to be trusted (${reason})`, {
        hint: "Give its CA with --ca FILE or FERRY_CA, and the name that stands in the certificate in the URL.",
        exitCode: EXIT.notAllowed,
        cause,
      });
    }
    throw new FerryError("controller-unreachable", `Cannot reach the controller at ${base} (${reason})`, {
      hint: "Is `ferry up` running? If it listens elsewhere, say so with --controller URL or FERRY_CONTROLLER.",
      exitCode: EXIT.unreachable,
      cause,
    });
  }
}

/** What Node.js calls the reasons to mistrust a certificate. */
const TLS_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/;

function pathOf(shape: RouteShape, { params = {}, query = {} }: AnyInput): string {
  const path = shape.path.replace(/:([a-z]+)/gi, (_match, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  ).toString();
  return search === "" ? path : `${path}?${search}`;
}

interface Sent {
  readonly body?: string | ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

function bodyOf(shape: RouteShape, body: unknown): Sent {
  if (shape.body === undefined) return {};
  if (shape.body !== "bytes") {
    return { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  }
  if (!(body instanceof Readable)) throw new Error("the body of this route is a stream");
  return {
    // Sent as it is read: an archive of any size needs no memory here.
    body: Readable.toWeb(body) as ReadableStream<Uint8Array>,
    headers: { "content-type": "application/octet-stream" },
  };
}
