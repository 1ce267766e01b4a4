import type { IncomingHttpHeaders } from "node:http";
import { HttpError } from "./http-answer.ts";

/** As long as any id that callers have: an address, a UUID, a path. */
export const KEY_CHARS_MAX = 256;

/**
 * What a request is called, for dialects whose bodies have no place for it. `Ferry-Request-Key`: see `requestKey`.
 * `X-Request-Id`: what feedback is joined by. Throws HttpError 400.
 */
export function requestNames(headers: IncomingHttpHeaders): { readonly key?: string; readonly id?: string } {
  const id = named(headers, "x-request-id", "X-Request-Id");
  return { ...requestKey(headers), ...(id === undefined ? {} : { id }) };
}

/** Requests of one key are answered by one version while another soaks beside it: `Ferry-Request-Key: user-17`. Throws HttpError 400. */
function requestKey(headers: IncomingHttpHeaders): { readonly key?: string } {
  const key = named(headers, "ferry-request-key", "Ferry-Request-Key");
  return key === undefined ? {} : { key };
}

function named(headers: IncomingHttpHeaders, name: string, shown: string): string | undefined {
  const header = headers[name];
  const text = typeof header === "string" ? header : header?.join(",");
  if (text === undefined || text === "") return undefined;
  if (text.length <= KEY_CHARS_MAX) return text;
  throw new HttpError(400, `${shown} has ${text.length} characters; it may have ${KEY_CHARS_MAX}`);
}
