import type { IncomingMessage } from "node:http";

/** What a route answers; the server adds the length and whatever every answer carries. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent one after the other: what is large need not be copied together. */
  readonly body: string | Uint8Array | readonly Uint8Array[];
}

export interface HttpRequest {
  readonly headers: IncomingMessage["headers"];
  /** The parts of the path that the route names with a colon. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What stands behind the question mark. */
  readonly query: () => URLSearchParams;
  /** The whole body, decompressed; throws HttpError where it is too large, cut short or not what its encoding says. */
  readonly body: () => Promise<Uint8Array>;
  /** Frees the memory of the body at once: nobody may hold any part of it any more. */
  readonly freeBody: () => void;
}

/** Errors that are HttpError, InferenceError or ProtocolError become an answer; any other is a fault of the agent. */
export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;

/** An answer other than success, with a sentence for whoever asked. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

export function jsonAnswer(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}
