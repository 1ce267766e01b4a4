/** The order of P-256's group (FIPS 186-5). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other signature that holds for the same key and bytes: (r, n − s) in place of (r, s), both in DER. */
export function malleated(base64: string): string {
  const der = Buffer.from(base64, "base64");
  const rBytes = der.readUInt8(3);
  const r = der.subarray(4, 4 + rBytes);
  const s = BigInt(`0x${der.subarray(6 + rBytes).toString("hex")}`);
  const body = Buffer.concat([integer(r), integer(Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex"))]);
  return Buffer.concat([Buffer.from([0x30, body.byteLength]), body]).toString("base64");
}

function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const trimmed = bytes.subarray(Math.max(0, first));
  const signed = (trimmed[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), trimmed]) : Buffer.from(trimmed);
  return Buffer.concat([Buffer.of(0x02, signed.byteLength), signed]);
}
