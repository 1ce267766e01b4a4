/** The difference of two means of values without a known range, with bounds that hold at every moment. Pure. */
import { anytimeP, anytimeWidth, type Anytime } from "./anytime-bounds.ts";
import { pairedDifference, type DeviceArms, type Difference } from "./paired-difference.ts";
import type { Found } from "./share-difference.ts";

/** Undefined where no device has both; `found` is undefined while there are too few blocks to tell the spread. */
export function meanDifference(
  arms: DeviceArms,
  anytime: Anytime,
): { readonly of: Difference; readonly found: Found | undefined } | undefined {
  const of = pairedDifference(arms);
  if (of?.variance === undefined) return of && { of, found: undefined };
  const { difference, variance, sums } = of;
  const count = sums.aWeight + sums.bWeight;
  const error = Math.sqrt(variance);
  const margin = error * anytimeWidth(count, anytime);
  const p = error === 0 ? (difference === 0 ? 1 : 0) : anytimeP(difference / error, count, anytime);
  return { of, found: { difference, low: difference - margin, high: difference + margin, p, variance } };
}
