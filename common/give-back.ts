/** Of smaller pieces the collector frees hundreds in one go. */
const GIVEN_BACK_BYTES_MIN = 8_192;
/** What may lie before the bytes, so that they begin where typed arrays may. */
const GAP_BYTES_MAX = 8;

/**
 * Frees the memory of `bytes` at once, where nothing else lies in it; every view of it is empty from then on. It lies outside of
 * the heap of Node.js, whose collector marks all that lies within whenever some 10 MB of it have come: for a model of
 * pictures that is every sixth request, and was half of the agent's time. Only for what is the caller's alone, and never
 * while it is on its way to a socket.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  // A part of something larger, such as of the pool of Node.js, is not the caller's to give.
  const isWhole = buffer.byteLength - byteLength <= GAP_BYTES_MAX;
  if (isWhole && byteLength >= GIVEN_BACK_BYTES_MIN && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
