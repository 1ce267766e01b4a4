/** The records of one feature over time, in buckets. Pure. */
import { DistributionSum, featureSubject, type FeatureId } from "../../protocol/distribution-sum.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DistributionRow } from "./read-distributions.ts";

export interface FeatureBucket {
  readonly fromMs: number;
  readonly toMs: number;
  readonly sum: DistributionSum;
  readonly devices: ReadonlySet<DeviceId>;
}

export interface FeatureHistory {
  readonly id: FeatureId;
  /** Ascending in time; those that hold something. */
  readonly buckets: readonly FeatureBucket[];
}

/** Buckets over all that was read: a change is dated to a forty-eighth of it. */
const BUCKETS = 48;
/** Windows of devices are no shorter in earnest. */
const BUCKET_MS_MIN = 1_000;

/** By FeatureId; a sketch that cannot be read is left out. */
export function historiesOf(rows: readonly DistributionRow[]): ReadonlyMap<string, FeatureHistory> {
  const times = rows.map(({ atMs }) => atMs);
  const startMs = times.reduce((least, atMs) => Math.min(least, atMs), Infinity);
  const endMs = times.reduce((most, atMs) => Math.max(most, atMs), -Infinity);
  const bucketMs = Math.max(BUCKET_MS_MIN, Math.ceil((endMs - startMs + 1) / BUCKETS));
  const features = new Map<string, { readonly id: FeatureId; readonly buckets: Map<number, OpenBucket> }>();
  for (const { device, atMs, fields } of rows) {
    const subject = featureSubject(fields);
    const feature = features.get(subject) ?? { id: fields, buckets: new Map<number, OpenBucket>() };
    const at = Math.floor((atMs - startMs) / bucketMs);
    const bucket = feature.buckets.get(at) ?? { sum: new DistributionSum(), devices: new Set() };
    try {
      bucket.sum.add(fields);
    } catch (thrown) {
      if (thrown instanceof ProtocolError) continue;
      throw thrown;
    }
    bucket.devices.add(device);
    feature.buckets.set(at, bucket);
    features.set(subject, feature);
  }
  const shown = [...features].map(([subject, { id, buckets }]) => {
    const ascending = [...buckets].sort(([a], [b]) => a - b);
    const placed = ascending.map(([at, bucket]) => ({
      fromMs: startMs + at * bucketMs,
      toMs: startMs + (at + 1) * bucketMs,
      ...bucket,
    }));
    return [subject, { id, buckets: placed }] as const;
  });
  return new Map(shown);
}

interface OpenBucket {
  readonly sum: DistributionSum;
  readonly devices: Set<DeviceId>;
}

/** Buckets from one end until so many examples are told in them. */
export function takeSamples(buckets: readonly FeatureBucket[], samples: number): readonly FeatureBucket[] {
  let count = 0;
  const enough = buckets.findIndex(({ sum }) => (count += sum.count - sum.untold) >= samples);
  return enough < 0 ? buckets : buckets.slice(0, enough + 1);
}

export function sumOf(id: FeatureId, buckets: readonly FeatureBucket[]): DistributionSum {
  const sum = new DistributionSum();
  for (const bucket of buckets) sum.add(bucket.sum.toFields(id));
  return sum;
}
