import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import type { Store } from "../store/store.ts";
import { readFleetInference } from "../telemetry/fleet-inference.ts";
import { HOUR_MS } from "../telemetry/spans.ts";
import { readInference } from "../telemetry/read-inference.ts";
import { accuracyOf } from "./accuracy-of.ts";
import type { VersionAccuracy } from "./accuracy-shape.ts";

export interface AccuracyQuery {
  readonly model?: ModelName | undefined;
  readonly version?: ModelVersion | undefined;
  /** Absent: the whole fleet. */
  readonly devices?: readonly DeviceId[] | undefined;
  /** Each device by itself, beside all together. */
  readonly isByDevice: boolean;
  /** When the truth came. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** By model, the newest version's name first; each followed by its devices where they are asked for. */
export async function readAccuracy(store: Store, query: AccuracyQuery): Promise<readonly VersionAccuracy[]> {
  const { model, version, devices, isByDevice, fromMs, toMs } = query;
  const isWanted = (one: { readonly slot: string; readonly version: string | undefined }) =>
    (model === undefined || one.slot === model) && (version === undefined || one.version === version);
  if (devices === undefined && !isByDevice) {
    const sums = (await readFleetInference(store, { fromMs, toMs })).filter(isWanted);
    return sorted(
      sums.flatMap(({ slot, version: of, ...rest }) => accuracyOf({ model: slot, version: of ?? "", ...rest }) ?? []),
    );
  }
  const parts = new Map<string, Part>();
  const range = { fromMs, toMs, bucketMs: HOUR_MS, ...(devices === undefined ? {} : { devices }) };
  const asked = { ...range, ...(model && { slot: model }), ...(version && { version }) };
  for await (const { device, slot, version: of, sum } of readInference(store, asked)) {
    if (of === undefined || (sum.counts.feedbackJudged === 0 && sum.counts.feedbackMeasured === 0)) continue;
    const key = JSON.stringify([slot, of]);
    const part: Part = parts.get(key) ?? { model: slot, version: of, sum: new InferenceSum(), byDevice: new Map() };
    parts.set(key, part);
    part.sum.merge(sum);
    const own = part.byDevice.get(device) ?? new InferenceSum();
    part.byDevice.set(device, own);
    own.merge(sum);
  }
  return sorted([...parts.values()].flatMap((part) => figuresOf(part, isByDevice)));
}

interface Part {
  readonly model: string;
  readonly version: string;
  readonly sum: InferenceSum;
  readonly byDevice: Map<DeviceId, InferenceSum>;
}

function figuresOf({ model, version, sum, byDevice }: Part, isByDevice: boolean): VersionAccuracy[] {
  const all = accuracyOf({ model, version, devices: byDevice.size, sum });
  if (all === undefined) return [];
  if (!isByDevice) return [all];
  const each = [...byDevice].flatMap(
    ([device, own]) => accuracyOf({ model, version, device, devices: 1, sum: own }) ?? [],
  );
  return [all, ...each];
}

/** Numbers in versions as numbers: 1.10.0 is after 1.9.0. */
const COLLATOR = new Intl.Collator("en", { numeric: true });

function sorted(figures: readonly VersionAccuracy[]): readonly VersionAccuracy[] {
  return figures.toSorted(
    (one, other) =>
      COLLATOR.compare(one.model, other.model) ||
      COLLATOR.compare(other.version, one.version) ||
      COLLATOR.compare(one.device ?? "", other.device ?? ""),
  );
}
