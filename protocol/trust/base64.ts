import { ProtocolError } from "../protocol-error.ts";

/**
 * Strict RFC 4648 base64 with padding and without loose bits at its end. `Buffer.from` skips what it does not know, and two
 * texts could mean the same bytes: only the text that these bytes encode to is taken. Ten times faster than a pattern.
 */
export function decodeBase64(subject: string, text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new ProtocolError("MALFORMED", subject, "is not strict base64");
  return bytes;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
