import type { Corners } from "./scores.ts";

export interface Candidate {
  readonly index: number;
  readonly score: number;
  readonly box: Corners;
}

/**
 * Greedy non-maximum suppression: the best candidate stays, and takes those with it that overlap it by more than
 * `iouThreshold` of the union; so on, until `most` have stayed. `candidates` come the best first.
 */
export function suppressOverlaps(
  candidates: readonly Candidate[],
  {
    iouThreshold,
    acrossClasses,
    most,
  }: { readonly iouThreshold: number; readonly acrossClasses: boolean; readonly most: number },
): Candidate[] {
  const kept: Candidate[] = [];
  for (const candidate of candidates) {
    if (kept.length >= most) break;
    const isCovered = kept.some(
      (better) =>
        (acrossClasses || better.index === candidate.index) && overlap(better.box, candidate.box) > iouThreshold,
    );
    if (!isCovered) kept.push(candidate);
  }
  return kept;
}

/** Intersection over union, 0 to 1. */
export function overlap(
  [left, top, right, bottom]: Corners,
  [otherLeft, otherTop, otherRight, otherBottom]: Corners,
): number {
  const width = Math.min(right, otherRight) - Math.max(left, otherLeft);
  const height = Math.min(bottom, otherBottom) - Math.max(top, otherTop);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((right - left) * (bottom - top) + (otherRight - otherLeft) * (otherBottom - otherTop) - shared);
}
