/** The difference of a quantile of two versions' latencies, with bounds that hold at every moment. Pure. */
import { Sketch } from "../../protocol/sketch.ts";
import { anytimeP, anytimeWidth, type Anytime } from "./anytime-bounds.ts";
import { deviceShares, pairedDifference, type DeviceArms } from "./paired-difference.ts";
import type { Found } from "./share-difference.ts";

export interface LatencyArms {
  /** Requests, and those beyond each version's own quantile on the device. */
  readonly arms: DeviceArms;
  /** In the same order. */
  readonly sketches: readonly { readonly a: Sketch; readonly b: Sketch }[];
}

/** Requests beyond the quantile, of each version: with fewer, normal bounds of a share do not hold. */
const BEYOND_MIN = 20;

export interface QuantileDifference {
  readonly a: number;
  readonly b: number;
  readonly samples: { readonly a: number; readonly b: number };
  /** Undefined while there are too few requests or blocks. `variance` is of the share beyond, not of the time. */
  readonly found: (Found & { readonly isBounded: boolean }) | undefined;
}

/**
 * That B's quantile is r times A's means that as many of B's requests as of A's are beyond their own: the interval of that
 * share, turned back into a time through the distribution of either version, and the wider of both taken. Quantiles by shares:
 * Howard and Ramdas, "Sequential estimation of quantiles", Bernoulli 28 (2022), section 3. Devices are weighed as for shares.
 */
export function quantileDifference(
  { arms, sketches }: LatencyArms,
  quantile: number,
  anytime: Anytime,
): QuantileDifference | undefined {
  const whole = weighted(sketches);
  const [a, b] = [whole.a.quantile(quantile), whole.b.quantile(quantile)];
  if (a === undefined || b === undefined) return undefined;
  const { samples } = whole;
  const known = { a, b, samples };
  const measured = pairedDifference(arms)?.variance;
  const isEnough = Math.min(samples.a, samples.b) * (1 - quantile) >= BEYOND_MIN;
  if (measured === undefined || !isEnough) return { ...known, found: undefined };
  const variance = Math.max(measured, quantile * (1 - quantile) * whole.perSample);
  const count = samples.a + samples.b;
  const margin = Math.sqrt(variance) * anytimeWidth(count, anytime);
  const [lowRank, highRank] = [quantile - margin, quantile + margin];
  const at = (sketch: Sketch, rank: number) => sketch.quantile(Math.min(1, Math.max(0, rank))) ?? 0;
  const [low, high] = [
    Math.min(at(whole.b, lowRank) - a, b - at(whole.a, highRank)),
    Math.max(at(whole.b, highRank) - a, b - at(whole.a, lowRank)),
  ];
  // Beyond the largest time that was seen nobody knows anything.
  const isBounded = lowRank > 0 && highRank < 1;
  const p = anytimeP(errorsApart(whole, { a, b }) / Math.sqrt(variance), count, anytime);
  return { ...known, found: { difference: b - a, low, high, p: isBounded ? p : 1, variance, isBounded } };
}

interface Weighted {
  readonly a: Sketch;
  readonly b: Sketch;
  readonly samples: { readonly a: number; readonly b: number };
  /** Of a share's variance, were all requests independent. */
  readonly perSample: number;
}

/** Both as if each device had the same part in both. */
function weighted(sketches: LatencyArms["sketches"]): Weighted {
  const counts = sketches.map(({ a, b }) => [{ aTotal: 0, aWeight: a.count, bTotal: 0, bWeight: b.count }]);
  const shares = deviceShares(counts);
  const samples = { a: 0, b: 0 };
  for (const [at, { a, b }] of sketches.entries()) {
    if ((shares[at] ?? 0) === 0) continue;
    samples.a += a.count;
    samples.b += b.count;
  }
  const [a, b] = [new Sketch(), new Sketch()];
  let perSample = 0;
  for (const [at, device] of sketches.entries()) {
    const share = shares[at] ?? 0;
    if (share === 0) continue;
    a.merge(device.a, (share * samples.a) / device.a.count);
    b.merge(device.b, (share * samples.b) / device.b.count);
    perSample += share ** 2 * (1 / device.a.count + 1 / device.b.count);
  }
  return { a, b, samples, perSample };
}

/** By how much the shares beyond A's and beyond B's quantile differ: the smaller of both. */
function errorsApart({ a, b }: Weighted, at: { readonly a: number; readonly b: number }): number {
  const apart = (ms: number) => Math.abs(b.countAbove(ms) / b.count - a.countAbove(ms) / a.count);
  return Math.min(apart(at.a), apart(at.b));
}
