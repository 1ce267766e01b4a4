/** Of smaller pieces the collector frees hundreds in one go. */
const GIVEN_BACK_BYTES_MIN = 8_192;

/**
 * Frees memory at once that nobody needs any more; every view of it is empty from then on. It lies outside of the heap of
 * Node.js, whose collector marks all that lies within whenever some 10 MB of it have come: for a model of pictures that is
 * every sixth request, and was half of the agent's time. Only for what is the caller's alone, and never while it is on its way to a socket.
 */
export function giveBack(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer && memory.byteLength >= GIVEN_BACK_BYTES_MIN) memory.transfer(0);
}
