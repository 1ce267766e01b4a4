import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Readable } from "node:stream";
import { Type, type TSchema } from "typebox";
import { NOBODY } from "../audit/audit-log.ts";
import type { Auditor } from "../audit/auditor.ts";
import { rolesOf, roleText } from "../operators/operator-role.ts";
import type { Operator } from "../operators/operators.ts";
import type { InTransaction } from "../store/store.ts";
import { ApiErrorBody, apiFailure } from "./api-error.ts";
import type { FileAnswer, InputOf, ResultOf, RouteShape } from "./route.ts";
import { ROUTES, type RouteName, type Routes } from "./routes.ts";

/** Who asks, for a handler. */
export interface Call<Who = Operator> {
  readonly operator: Who;
  /** The header of that name: which media types the client takes. */
  readonly accept: string | undefined;
  /** What was done and on what, to be stored in the same transaction. A change that does not call it is noted after. */
  readonly audit: (entry: { readonly target: string; readonly detail?: string }) => InTransaction;
}

type CallOf<R> = Call<R extends { readonly role: "anyone" } ? Operator | undefined : Operator>;

/** One function for each declared route. */
export type Handlers = {
  readonly [Name in RouteName]: (
    input: InputOf<Routes[Name]>,
    call: CallOf<Routes[Name]>,
  ) => Promise<ResultOf<Routes[Name]>>;
};

export interface Bound {
  readonly handlers: Handlers;
  readonly auditor: Auditor;
}

/** Gives each declared route to fastify with its schemas. Without handlers the routes exist for their document only. */
export function bindRoutes(app: FastifyInstance, bound: Bound | undefined): void {
  for (const name of Object.keys(ROUTES) as RouteName[]) bindRoute(app, name, bound);
}

type AnyHandler = (input: unknown, call: Call<Operator | undefined>) => Promise<unknown>;

function bindRoute(app: FastifyInstance, name: RouteName, bound: Bound | undefined): void {
  const shape: RouteShape = ROUTES[name];
  // What the handler takes is what the schemas of its own declaration let through; who calls it, the guard has checked.
  const handler = bound?.handlers[name] as AnyHandler | undefined;
  app.route({
    method: shape.method,
    url: shape.path,
    schema: schemaOf(name, shape),
    config: { routeName: name, role: shape.role },
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      if (handler === undefined || bound === undefined) return undefined;
      const result = await (shape.changes === true
        ? audited(name, handler, request, bound.auditor)
        : handler(inputOf(request), {
            operator: request.operator,
            accept: request.headers.accept,
            audit: notForReaders,
          }));
      // What a handler of such a route gives is a FileAnswer, by the type of the handlers.
      if (shape.result === "file") return sendFile(reply, result as FileAnswer);
      return result instanceof Readable ? reply.type(ARCHIVE_TYPE).send(result) : reply.send(result);
    },
  });
}

/** Shown in a browser with no right to anything: what devices said stands in it. */
function sendFile(reply: FastifyReply, { mediaType, fileName, text }: FileAnswer) {
  return (
    reply
      .type(mediaType)
      // The same address is another file for whoever takes another type.
      .header("vary", "accept")
      .header("content-disposition", `inline; filename="${fileName}"`)
      .header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
      .header("x-content-type-options", "nosniff")
      // It is text already, JSON as well.
      .serializer(String)
      .send(text)
  );
}

/** Exactly one entry for each request: by the handler in its transaction, or here. */
async function audited(
  action: RouteName,
  handler: AnyHandler,
  request: FastifyRequest,
  auditor: Auditor,
): Promise<unknown> {
  const { operator } = request;
  const actor = operator?.name ?? NOBODY;
  const target = targetOf(request.params);
  const entry = { isWritten: false };
  const audit: Call["audit"] = (what) => async (trx) => {
    await auditor.together({ actor, action, ...what })(trx);
    entry.isWritten = true;
  };
  let result: unknown;
  try {
    result = await handler(inputOf(request), { operator, accept: request.headers.accept, audit });
  } catch (thrown) {
    const detail = apiFailure(thrown)?.body.code ?? "internal";
    if (!entry.isWritten) await auditor.note({ actor, action, target, outcome: "failed", detail });
    throw thrown;
  }
  if (!entry.isWritten) await auditor.note({ actor, action, target, outcome: "done", detail: "nothing was changed" });
  return result;
}

function inputOf({ params, query, body }: FastifyRequest) {
  return { params, query, body };
}

function notForReaders(): never {
  throw new Error("a route that is audited says `changes` in its declaration");
}

function targetOf(params: unknown): string | undefined {
  const values = typeof params === "object" && params !== null ? Object.values(params).map(String) : [];
  return values.length === 0 ? undefined : values.join("/");
}

const ARCHIVE_TYPE = "application/octet-stream";
/** OpenAPI 3.1: bytes as they are have no schema; there is nothing to hold a stream against. */
const Bytes = Type.Unknown();

/** The name of the security scheme in the OpenAPI document. */
export const BEARER = "operatorToken";

function schemaOf(name: RouteName, shape: RouteShape) {
  const { params, query, body, result, role } = shape;
  return {
    operationId: name,
    tags: [shape.tag],
    summary: shape.summary,
    description: role === "anyone" ? "Needs no token." : `Needs the role ${roleText(role)}.`,
    security: role === "anyone" ? [] : rolesOf(role).map((one) => ({ [BEARER]: [one] })),
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { querystring: query }),
    ...(body === undefined ? {} : { body: body === "bytes" ? { content: contentOf(body) } : body }),
    response: {
      200: { description: shape.summary, content: contentOf(result) },
      default: { description: "What failed, why, and what to do", content: contentOf(ApiErrorBody) },
    },
  };
}

function contentOf(schema: TSchema | "bytes" | "file") {
  if (schema === "file") return { "*/*": { schema: Bytes } };
  return schema === "bytes" ? { [ARCHIVE_TYPE]: { schema: Bytes } } : { "application/json": { schema } };
}
