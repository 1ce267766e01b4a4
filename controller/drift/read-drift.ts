/** Reads telemetry and says which features of which versions have drifted. */
import { CategoryCounts } from "../../protocol/category-counts.ts";
import type { BaselineFeature } from "../../protocol/bundle/baseline.ts";
import { featureSubject } from "../../protocol/distribution-sum.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { ValueSketch } from "../../protocol/value-sketch.ts";
import type { Store } from "../store/store.ts";
import type { BaselineOf } from "./baselines.ts";
import type { DriftBin, DriftVerdict } from "./drift-shape.ts";
import { historiesOf, sumOf, takeSamples, type FeatureHistory } from "./feature-history.ts";
import { judgeDrift, type DriftCase, type Reference } from "./judge-drift.ts";
import { binsOf, SAMPLES_MIN, type Distribution } from "./judge-feature.ts";
import { readDistributions } from "./read-distributions.ts";

export interface DriftPorts {
  readonly store: Store;
  readonly baselineOf: BaselineOf;
}

export interface DriftQuery {
  readonly slot?: string | undefined;
  readonly version?: string | undefined;
  readonly devices?: readonly DeviceId[] | undefined;
  readonly nowMs: number;
  /** How far back examples are compared; the newest that suffice are. */
  readonly windowMs: number;
  /** Compares with what the fleet measured then, instead of any baseline. */
  readonly referenceMs?: { readonly from: number; readonly to: number } | undefined;
}

/** How far back a version's own first examples are looked for, where its bundle has no baseline. */
const OWN_REFERENCE_MS = 30 * 86_400_000;
/** Examples that make such a reference: its share of the noise is then as small as that of what is compared. */
const OWN_REFERENCE_SAMPLES = 1_000;
/** Device clocks may be ahead. */
const AHEAD_MS = 3_600_000;

/** Drifting ones first, by how far beyond their threshold; then those that are not measured, or inconclusive; then the steady ones. */
export async function readDrift(ports: DriftPorts, query: DriftQuery): Promise<readonly DriftVerdict[]> {
  const versions = Map.groupBy(await readCases(ports, query), ({ history: { id } }) => `${id.slot}@${id.version}`);
  return [...versions.values()].flatMap(judgeDrift).sort((a, b) => rankOf(b) - rankOf(a));
}

export interface DriftPicture {
  readonly verdict: DriftVerdict;
  readonly bins: readonly DriftBin[];
}

export interface DriftPictures {
  readonly pictures: readonly DriftPicture[];
  /** Names of all features that are there. */
  readonly features: readonly string[];
}

/** One feature of each version that has it, with its histograms. */
export async function readDriftPictures(ports: DriftPorts, query: DriftQuery, feature: string): Promise<DriftPictures> {
  const cases = await readCases(ports, query);
  const pictures = picturesOf(cases).filter(({ verdict }) => verdict.feature === feature);
  return { pictures, features: [...new Set(cases.map(({ history: { id } }) => id.feature))] };
}

/** Every feature with its histograms, in the order of `readDrift`. */
export async function readAllDriftPictures(ports: DriftPorts, query: DriftQuery): Promise<readonly DriftPicture[]> {
  return picturesOf(await readCases(ports, query)).toSorted((a, b) => rankOf(b.verdict) - rankOf(a.verdict));
}

function picturesOf(cases: readonly DriftCase[]): readonly DriftPicture[] {
  const bySubject = new Map(cases.map((one) => [featureSubject(one.history.id), one]));
  const versions = Map.groupBy(cases, ({ history: { id } }) => `${id.slot}@${id.version}`);
  return [...versions.values()].flatMap(judgeDrift).map((verdict) => {
    const found = bySubject.get(featureSubject(verdict));
    if (found === undefined) return { verdict, bins: [] };
    const { history, reference } = found;
    const judged = history.buckets.filter(({ fromMs, toMs }) => fromMs >= verdict.fromMs && toMs <= verdict.toMs);
    const empty: Distribution = sumOf(history.id, []).told();
    const now = sumOf(history.id, judged).told();
    return { verdict, bins: binsOf(verdict.type, reference?.distribution ?? empty, now) };
  });
}

async function readCases(ports: DriftPorts, query: DriftQuery): Promise<readonly DriftCase[]> {
  const { slot, version, devices, nowMs, windowMs } = query;
  const toMs = nowMs + AHEAD_MS;
  const range = { slot, version, devices, fromMs: nowMs - windowMs, toMs, from: "newest" as const };
  const histories = [...historiesOf(await readDistributions(ports.store, range)).values()];
  const versions = Map.groupBy(histories, ({ id }) => JSON.stringify([id.slot, id.version]));
  const cases = await Promise.all(
    [...versions.values()].map(async (features) => {
      const references = await referencesOf(ports, query, features);
      return features.map((history) => ({ history, reference: references(history) }));
    }),
  );
  return cases.flat();
}

type ReferenceOf = (history: FeatureHistory) => Reference | undefined;

async function referencesOf(
  { store, baselineOf }: DriftPorts,
  { referenceMs, devices, nowMs }: DriftQuery,
  features: readonly FeatureHistory[],
): Promise<ReferenceOf> {
  const [first] = features;
  if (first === undefined) return () => undefined;
  const { slot, version } = first.id;
  const own = async (fromMs: number, toMs: number) =>
    historiesOf(await readDistributions(store, { slot, version, devices, fromMs, toMs, from: "oldest" }));
  if (referenceMs !== undefined) {
    const histories = await own(referenceMs.from, referenceMs.to);
    return ({ id }) => {
      const buckets = histories.get(featureSubject(id))?.buckets ?? [];
      if (buckets.length === 0) return undefined;
      return { kind: "fleet", distribution: sumOf(id, buckets).told(), toMs: referenceMs.to };
    };
  }
  const baseline = await baselineOf(slot, version);
  const described = ({ id }: FeatureHistory) =>
    baseline?.features.find(({ name, role, type }) => name === id.feature && role === id.role && type === id.type);
  const isComplete = features.every((history) => described(history) !== undefined);
  const histories = isComplete ? undefined : await own(nowMs - OWN_REFERENCE_MS, nowMs + AHEAD_MS);
  return (history) => {
    const feature = described(history);
    if (feature !== undefined) return { kind: "bundle", distribution: distributionOf(feature) };
    return ownReference(histories?.get(featureSubject(history.id)));
  };
}

function ownReference(history: FeatureHistory | undefined): Reference | undefined {
  const buckets = takeSamples(history?.buckets ?? [], OWN_REFERENCE_SAMPLES);
  const last = buckets.at(-1);
  if (history === undefined || last === undefined) return undefined;
  const distribution = sumOf(history.id, buckets).told();
  return distribution.count < SAMPLES_MIN ? undefined : { kind: "fleet", distribution, toMs: last.toMs };
}

function distributionOf({ count, missing, valueSketch, categories }: BaselineFeature): Distribution {
  return {
    count,
    missing,
    values: valueSketch === undefined ? new ValueSketch() : ValueSketch.fromText(valueSketch),
    categories: categories === undefined ? new CategoryCounts() : CategoryCounts.fromText(categories),
  };
}

function rankOf({ state, statistics, threshold = 1 }: DriftVerdict): number {
  const excess = (statistics?.psi ?? 0) / threshold;
  if (state === "drifting") return 1e6 + excess;
  return state === "steady" ? Math.min(1, excess) : state === "inconclusive" ? 1e3 : 1e4;
}
