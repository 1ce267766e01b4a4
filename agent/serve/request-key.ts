import type { IncomingHttpHeaders } from "node:http";
import { HttpError } from "./http-answer.ts";

/** As long as any id that callers have: an address, a UUID, a path. */
export const KEY_CHARS_MAX = 256;

/** Requests of one key are answered by one version while another soaks beside it: `Ferry-Request-Key: user-17`. Throws HttpError 400. */
export function requestKey(headers: IncomingHttpHeaders): { readonly key?: string } {
  const header = headers["ferry-request-key"];
  const key = typeof header === "string" ? header : header?.join(",");
  if (key === undefined || key === "") return {};
  if (key.length <= KEY_CHARS_MAX) return { key };
  throw new HttpError(400, `Ferry-Request-Key has ${key.length} characters; it may have ${KEY_CHARS_MAX}`);
}
