/** How many examples go by for each that is looked at. Pure. */

/** Of the time of one processor core: what watching may cost. */
const SHARE_MAX = 0.01;
/** A request in a thousand still is a thousand examples in a window of five minutes at 3,300 a second. */
const STRIDE_MAX = 1_024;

/** Doubles where the time spent was too much, halves where it would be well within with twice as many examples. */
export function nextStride(stride: number, spentMs: number, elapsedMs: number): number {
  const allowedMs = SHARE_MAX * elapsedMs;
  if (spentMs > allowedMs) return Math.min(STRIDE_MAX, stride * 2);
  return spentMs < allowedMs / 4 ? Math.max(1, stride / 2) : stride;
}
