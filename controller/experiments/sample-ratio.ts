/** Whether both versions got the shares of the requests that they should have. Pure. */
import { logEvidenceAbove } from "../rollout/sequential-share.ts";
import { pairedDifference, type ArmBlock, type DeviceArms } from "./paired-difference.ts";
import type { SampleRatio } from "./experiment-shape.ts";

/**
 * How often a sound experiment may be called broken, however often one looks. Strict, because then everything else is in doubt:
 * Fabijan and others, "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019, take the same order.
 */
export const BROKEN_ALPHA = 1e-3;
/** The test is the sharpest for about so many requests. */
const TUNED_TO = 10_000;
/** Below it nothing is said. */
const REQUESTS_MIN = 100;

/**
 * The sequential test of Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, for two cells and
 * with the one-sided beta-binomial mixtures of the gates. Requests of one key go to one version, so they come in lumps: counts
 * shrink by as much as the blocks vary more than independent requests would. `share`: what B should have.
 */
export function sampleRatio(arms: DeviceArms, share: number, crashesOfB: number): SampleRatio {
  const sums = totalOf(arms);
  const [a, b] = [Math.max(0, sums.aWeight), Math.max(0, sums.bWeight)];
  const requests = { a, b };
  const known = { requests, expected: share, share: a + b === 0 ? null : b / (a + b) };
  if (a + b < REQUESTS_MIN)
    return {
      ...known,
      p: 1,
      verdict: "open",
      text: `Too few requests yet to tell whether B gets its ${percent(share)}.`,
    };
  const effect = Math.max(1, lumpiness(arms, share));
  const count = (hits: number) => ({ hits: hits / effect, trials: (a + b) / effect });
  const log = Math.max(
    logEvidenceAbove(share, count(b), BROKEN_ALPHA / 2, TUNED_TO),
    logEvidenceAbove(1 - share, count(a), BROKEN_ALPHA / 2, TUNED_TO),
  );
  const p = Math.min(1, 2 * Math.exp(-log));
  const got = `B got ${percent(b / (a + b))} of ${WHOLE.format(a + b)} requests`;
  if (p > BROKEN_ALPHA) {
    return {
      ...known,
      p,
      verdict: "sound",
      text: `${got}, of the ${percent(share)} that it should: as chance would have it.`,
    };
  }
  return {
    ...known,
    p,
    verdict: "broken",
    text: `${got}, and not the ${percent(share)} that it should: ${causes(b / (a + b) < share, crashesOfB)}`,
  };
}

function causes(hasLess: boolean, crashes: number): string {
  const away = crashes > 0 ? `B was away when its runner crashed (${crashes} times); ` : "B was away for some time; ";
  return `the two did not see the same kind of traffic, and what differs between them may be the requests. Usual causes: ${hasLess ? away : ""}few request keys carry most of the traffic; a caller names a version.`;
}

/** The variance of B's share by blocks, in that of independent requests. */
function lumpiness(arms: DeviceArms, share: number): number {
  // Each request is one trial of both, so that the difference of the two is that of B's part from what it should be.
  const parts = arms.map((blocks) =>
    blocks.map(({ aWeight, bWeight }): ArmBlock => {
      const all = aWeight + bWeight;
      return { aTotal: 0, aWeight: all, bTotal: bWeight, bWeight: all };
    }),
  );
  const found = pairedDifference(parts);
  if (found?.variance === undefined) return 1;
  return (found.variance * found.sums.bWeight) / (share * (1 - share));
}

function totalOf(arms: DeviceArms): ArmBlock {
  const sums = { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 0 };
  for (const { aWeight, bWeight } of arms.flat()) {
    sums.aWeight += aWeight;
    sums.bWeight += bWeight;
  }
  return sums;
}

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}
