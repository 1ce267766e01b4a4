/** Which features of one model version have drifted. Pure. */
import type { FeatureId } from "../../protocol/distribution-sum.ts";
import type { DriftState, DriftVerdict } from "./drift-shape.ts";
import { sumOf, takeSamples, type FeatureBucket, type FeatureHistory } from "./feature-history.ts";
import { FALSE_ALARMS, judgeFeature, type Distribution, type FeatureJudgement } from "./judge-feature.ts";
import { believed } from "./multiple-tests.ts";
import { sentenceOf } from "./drift-sentence.ts";

export interface Reference {
  readonly kind: "bundle" | "fleet";
  readonly distribution: Distribution;
  /** Of the fleet's own: what came until then is the reference and cannot be compared with it. */
  readonly toMs?: number;
}

export interface DriftCase {
  readonly history: FeatureHistory;
  /** Undefined where there is none yet. */
  readonly reference: Reference | undefined;
}

/** A look at one feature, before it is known how the others did. */
interface Look extends DriftCase {
  readonly buckets: readonly FeatureBucket[];
  readonly judgement: FeatureJudgement;
  readonly samples: number;
  readonly untold: number;
}

/**
 * The newest examples that suffice, so that a change of the last hour is not hidden by the day before it: they show a shift of
 * a quarter of a standard deviation.
 */
const SAMPLES_WANTED = 1_000;

/** All features of one version, scores included; in the order in which they came. */
export function judgeDrift(cases: readonly DriftCase[]): readonly DriftVerdict[] {
  const looks = cases.map(look);
  const judged = looks.flatMap(({ judgement }) => (judgement.kind === "judged" ? [judgement.statistics.pValue] : []));
  // With eighty features at one per cent each, every second window would have a false alarm.
  const isBelieved = believed(judged, FALSE_ALARMS);
  let at = 0;
  return looks.map((one) => verdictOf(one, one.judgement.kind === "judged" && isBelieved[at++] === true));
}

function look({ history, reference }: DriftCase): Look {
  const after = history.buckets.filter(({ fromMs }) => fromMs >= (reference?.toMs ?? -Infinity));
  const buckets = takeSamples(after.toReversed(), SAMPLES_WANTED).toReversed();
  const sum = sumOf(history.id, buckets).told();
  const untold = after.reduce((count, bucket) => count + bucket.sum.untold, 0);
  const judgement: FeatureJudgement =
    reference === undefined ? { kind: "too-few" } : judgeFeature(history.id.type, reference.distribution, sum);
  return { history, reference, buckets, judgement, samples: sum.count, untold };
}

function verdictOf(one: Look, isBelieved: boolean): DriftVerdict {
  const { history, reference, buckets, judgement, samples, untold } = one;
  const { slot, version, feature, role, type } = history.id;
  const isDrifting = isBelieved && judgement.kind === "judged" && judgement.statistics.psi > judgement.threshold;
  const first = history.buckets[0];
  const verdict = {
    ...{ slot, version, feature, role, type },
    state: stateOf(one, isDrifting),
    isDrifting,
    reference: reference?.kind ?? ("none" as const),
    referenceSamples: reference?.distribution.count ?? 0,
    samples,
    untold,
    devices: [...new Set(buckets.flatMap(({ devices }) => [...devices]))].sort(),
    ...(judgement.kind === "judged" ? { statistics: judgement.statistics, threshold: judgement.threshold } : {}),
    fromMs: buckets[0]?.fromMs ?? first?.fromMs ?? 0,
    toMs: buckets.at(-1)?.toMs ?? history.buckets.at(-1)?.toMs ?? 0,
    ...(isDrifting && reference !== undefined
      ? { sinceMs: since(history.id, history.buckets, reference, buckets) }
      : {}),
  };
  return { ...verdict, sentence: sentenceOf(verdict) };
}

function stateOf({ judgement, samples, untold }: Look, isDrifting: boolean): DriftState {
  if (judgement.kind === "judged") return isDrifting ? "drifting" : "steady";
  return untold > samples ? "not-measured" : "inconclusive";
}

/** Back from the examples that were judged, as long as each bucket with examples enough is beyond its threshold by itself. */
function since(
  { type }: FeatureId,
  all: readonly FeatureBucket[],
  reference: Reference,
  judged: readonly FeatureBucket[],
): number {
  let beganMs = judged[0]?.fromMs ?? 0;
  let isFirst = true;
  for (const { fromMs, sum } of all.toReversed()) {
    if (fromMs < (reference.toMs ?? -Infinity)) break;
    const judgement = judgeFeature(type, reference.distribution, sum.told());
    if (judgement.kind === "too-few") continue;
    if (judgement.statistics.psi <= judgement.threshold) break;
    beganMs = isFirst ? fromMs : Math.min(beganMs, fromMs);
    isFirst = false;
  }
  return beganMs;
}
