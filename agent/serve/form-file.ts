/** The file of a form (RFC 7578), as `curl -F image=@cat.jpg` and web pages send it. */
import { HttpError } from "./http-answer.ts";

/** Of a form with one picture and some fields; what has more is none of ours, and must not hold up the agent. */
const PARTS_MAX = 16;
/** RFC 2046, 5.1.1. */
const BOUNDARY_CHARS_MAX = 70;
/** Of one part: a name, a file's name, a type. */
const PART_HEAD_BYTES_MAX = 4_096;

/** The first file of it; the body itself where the request is no form. Throws HttpError 400. */
export function fileOfForm(body: Uint8Array, contentType: string | undefined): Uint8Array {
  if (contentType === undefined || !/^multipart\/form-data/i.test(contentType)) return body;
  const boundary = /boundary="?([^";]+)/i.exec(contentType)?.[1]?.trim() ?? "";
  if (boundary === "" || boundary.length > BOUNDARY_CHARS_MAX) throw unreadable("its Content-Type names no boundary");
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = `--${boundary}`;
  let at = bytes.indexOf(delimiter);
  if (at < 0) throw unreadable("its boundary is not the one that its Content-Type names");
  for (let part = 0; part < PARTS_MAX; part += 1) {
    const headAt = at + delimiter.length;
    if (bytes.toString("latin1", headAt, headAt + 2) === "--") {
      throw new HttpError(400, "The form has no file: send one, as curl -F image=@picture.jpg does");
    }
    const headEnd = bytes.subarray(headAt, headAt + PART_HEAD_BYTES_MAX).indexOf("\r\n\r\n");
    const contentAt = headAt + headEnd + 4;
    at = headEnd < 0 ? -1 : bytes.indexOf(`\r\n${delimiter}`, contentAt);
    if (at < 0) throw unreadable("it is cut short");
    if (/;\s*filename=/i.test(bytes.toString("latin1", headAt, headAt + headEnd))) return bytes.subarray(contentAt, at);
    at += 2;
  }
  throw unreadable(`no file is among its first ${PARTS_MAX} parts`);
}

function unreadable(why: string): HttpError {
  return new HttpError(400, `The form cannot be read: ${why}`);
}
