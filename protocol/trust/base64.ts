import { ProtocolError } from "../protocol-error.ts";

/** Strict RFC 4648 base64 with padding. `Buffer.from` skips what it does not know: two texts could mean the same bytes. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function decodeBase64(subject: string, text: string): Buffer {
  if (!BASE64.test(text)) throw new ProtocolError("MALFORMED", subject, "is not strict base64");
  return Buffer.from(text, "base64");
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
