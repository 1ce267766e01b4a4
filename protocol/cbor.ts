import { Encoder, FLOAT32_OPTIONS } from "cbor-x";
import { whyNotPlainCbor } from "./cbor-plain.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * Standard CBOR (RFC 8949) maps, so that any language can read them. Fractions below 2³² travel as float32 (5 bytes, 7
 * decimal digits): enough for measurements; numbers that need more go as byte strings, as tensors do. Decoded byte
 * strings are views of the incoming buffer: copy what you keep.
 */
const codec = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  useFloat32: FLOAT32_OPTIONS.DECIMAL_ROUND,
});

export function encodeCbor(value: unknown): Uint8Array {
  return codec.encode(value);
}

/** Throws OVERSIZE, MALFORMED, or what `check` throws. */
export function decodeCbor<T>(subject: string, bytes: Uint8Array, bytesMax: number, check: (value: unknown) => T): T {
  if (bytes.byteLength > bytesMax) {
    throw new ProtocolError("OVERSIZE", subject, `${bytes.byteLength} bytes, at most ${bytesMax} are allowed`);
  }
  const notPlain = whyNotPlainCbor(bytes);
  if (notPlain !== undefined) throw new ProtocolError("MALFORMED", subject, `its CBOR ${notPlain}`);
  let value: unknown;
  try {
    value = codec.decode(bytes);
  } catch (cause) {
    throw new ProtocolError("MALFORMED", subject, "is not CBOR", { cause });
  }
  return check(value);
}
