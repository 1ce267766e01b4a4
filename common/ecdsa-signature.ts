/** The two ways in which signers write one ECDSA P-256 signature. */

/** One of the two numbers of a signature, r or s. */
const NUMBER_BYTES = 32;
/** DER as it is, raw r||s (PKCS #11, JOSE, most KMS) as DER; undefined for anything else. Proves nothing yet. */
export function derSignature(bytes: Uint8Array): Uint8Array | undefined {
  // The first bytes alone would not do: one raw signature in 65,536 begins like DER of its length.
  if (isDer(bytes)) return bytes;
  if (bytes.byteLength !== 2 * NUMBER_BYTES) return undefined;
  const numbers = [derNumber(bytes.subarray(0, NUMBER_BYTES)), derNumber(bytes.subarray(NUMBER_BYTES))];
  const content = Buffer.concat(numbers);
  return Buffer.concat([Buffer.from([0x30, content.byteLength]), content]);
}

/** SEQUENCE of two INTEGERs that fill it: every length is below 128, so each is one byte. */
function isDer(bytes: Uint8Array): boolean {
  const [sequence, sequenceBytes = 0, first, firstBytes = 0] = bytes;
  const [second, secondBytes = 0] = bytes.subarray(4 + firstBytes);
  return (
    sequence === 0x30 &&
    first === 0x02 &&
    second === 0x02 &&
    [firstBytes, secondBytes].every((count) => count >= 1 && count <= NUMBER_BYTES + 1) &&
    sequenceBytes === 4 + firstBytes + secondBytes &&
    bytes.byteLength === 2 + sequenceBytes
  );
}

/** A positive INTEGER: the shortest form, with a zero before a first bit that would make it negative. */
function derNumber(big: Uint8Array): Buffer {
  let start = 0;
  while (start < big.byteLength - 1 && big[start] === 0) start += 1;
  const digits = big.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.from([0x02, digits.byteLength + sign.length, ...sign]), digits]);
}
