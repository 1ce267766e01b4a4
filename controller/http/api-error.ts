/** Failures on their way through HTTP: the same code, sentence and hint on both ends. */
import { Type } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf, type ExitCode } from "../../common/ferry-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type { ApiError } from "./route.ts";

export interface ApiFailure {
  readonly status: number;
  readonly body: ApiError;
}

const STATUS_OF_EXIT: Readonly<Record<ExitCode, number>> = {
  [EXIT.ok]: 500,
  [EXIT.failed]: 500,
  [EXIT.usage]: 400,
  [EXIT.notFound]: 404,
  [EXIT.notAllowed]: 403,
  [EXIT.unreachable]: 503,
  [EXIT.conflict]: 409,
  [EXIT.timedOut]: 504,
  [EXIT.interrupted]: 500,
};

/** Codes whose status says more than their exit code does. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  "disk-full": 507,
  "queue-full": 429,
  unauthenticated: 401,
  "too-many-failures": 429,
  "not-acceptable": 406,
};

const SIGNING_HINT = "Build, sign and check it again: ferry bundle build, sign, verify. Nothing was changed.";

/** What a client is told of anything that was thrown; undefined for what is nobody's but the program's fault. */
export function apiFailure(thrown: unknown): ApiFailure | undefined {
  if (thrown instanceof FerryError) {
    const status = STATUS_OF_CODE[thrown.code] ?? STATUS_OF_EXIT[thrown.exitCode];
    return { status, body: body(thrown.code, thrown.message, thrown.hint) };
  }
  // The request is well-formed, and what it brings is not to be trusted.
  if (thrown instanceof BundleRefused) return { status: 422, body: body(thrown.code, thrown.message, SIGNING_HINT) };
  if (thrown instanceof ProtocolError) {
    return { status: thrown.code === "OVERSIZE" ? 413 : 400, body: body("bad-request", thrown.message) };
  }
  if (systemCodeOf(thrown) === "ENOSPC") {
    const hint = "Free some space on the controller's disk, then try again; nothing was changed.";
    return { status: 507, body: body("disk-full", "The controller's disk is full", hint) };
  }
  // fastify's own: a body that is no JSON, too large, of an unknown type.
  if (thrown instanceof Error && "statusCode" in thrown && typeof thrown.statusCode === "number") {
    if (thrown.statusCode < 500) return { status: thrown.statusCode, body: body("bad-request", thrown.message) };
  }
  return undefined;
}

function body(code: string, message: string, hint?: string): ApiError {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

export const ApiErrorBody = Type.Object({
  code: Type.String(),
  message: Type.String(),
  hint: Type.Optional(Type.String()),
});

const readBody = gate("error answer", ApiErrorBody);

/** The failure that the controller answered with, as an error of this program with the right exit code. */
export function errorFrom(status: number, text: string): FerryError {
  try {
    const { code, message, hint } = readBody(JSON.parse(text));
    return new FerryError(code, message, { exitCode: exitOf(status), ...(hint === undefined ? {} : { hint }) });
  } catch (cause) {
    return new FerryError("bad-answer", `The controller answered ${status} without a reason (${messageOf(cause)})`, {
      hint: "Is another program listening on that port? See `ferry up --http-port`.",
      cause,
    });
  }
}

function exitOf(status: number): ExitCode {
  if (status === 404) return EXIT.notFound;
  if (status === 401 || status === 403 || status === 422) return EXIT.notAllowed;
  if (status === 409) return EXIT.conflict;
  if (status === 429 || status === 503) return EXIT.unreachable;
  if (status === 504) return EXIT.timedOut;
  return status >= 400 && status < 500 ? EXIT.usage : EXIT.failed;
}
