import { CategoryCounts } from "../../protocol/category-counts.ts";
import type { Baseline } from "../../protocol/bundle/baseline.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { featureLayout, typedAs, type Feature, type TensorFeatures } from "../../protocol/features/feature-layout.ts";
import { examplesIn, FeatureReader } from "../../protocol/features/read-features.ts";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { DistributionFields } from "../../protocol/messages/telemetry-distribution.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { ValueSketch } from "../../protocol/value-sketch.ts";
import { FeatureWindow } from "./feature-window.ts";
import { ScoreWindow } from "./score-window.ts";
import { nextStride } from "./stride.ts";

/** Of one request: more examples than this are a batch job, of which as many tell enough. */
const EXAMPLES_OF_REQUEST_MAX = 64;
/** How often the stride is chosen anew. */
const STRIDE_EVERY_MS = 1_000;

/** What one version of one model is given and makes of it, since the last records. */
export class VersionWatch {
  readonly #slot: ModelName;
  readonly #version: ModelVersion;
  readonly #layout: readonly TensorFeatures[];
  readonly #windows: ReadonlyMap<string, FeatureWindow>;
  /** Undefined where the baseline has no detectors: nothing says then what is unusual. */
  readonly #scores: ScoreWindow | undefined;
  #seen = 0;
  #looked = 0;
  #spentMs = 0;
  #stride = 1;
  #strideSinceMs: number;
  #strideSpentMs = 0;

  constructor(slot: ModelName, model: ModelJson, baseline: Baseline | undefined, nowMs: number) {
    this.#slot = slot;
    this.#version = model.version;
    this.#layout = typedAs(featureLayout(model), baseline?.features ?? []);
    this.#strideSinceMs = nowMs;
    const features = this.#layout.flatMap((part) => part.features);
    this.#windows = new Map(features.map((feature) => [feature.name, windowOf(feature, baseline)]));
    this.#scores = baseline?.detectors === undefined ? undefined : new ScoreWindow(baseline.detectors);
  }

  /** Called for each answer; `nowMs` reads a clock that never jumps, in milliseconds with fractions. */
  add(inputs: readonly Tensor[], outputs: readonly Tensor[], nowMs: () => number): void {
    const tensors = [...inputs, ...outputs];
    const examples = examplesIn(this.#layout, tensors);
    const from = this.#seen;
    this.#seen += examples;
    const first = (this.#stride - (from % this.#stride)) % this.#stride;
    if (first >= examples) return;
    const beganMs = nowMs();
    const reader = new FeatureReader(this.#layout, tensors);
    // Every n-th example over all requests, so that which ones are looked at depends on nothing in them.
    let looked = 0;
    for (let at = first; at < examples && looked < EXAMPLES_OF_REQUEST_MAX; at += this.#stride) {
      reader.read(at, (feature, value) => {
        this.#windows.get(feature)?.add(value);
        this.#scores?.tell(feature, value);
      });
      this.#scores?.endExample();
      looked += 1;
    }
    this.#looked += looked;
    this.#spent(nowMs() - beganMs, beganMs);
  }

  /** The records of a window that was `windowMs` long; none where nothing was answered. */
  take(windowMs: number): readonly DistributionFields[] {
    if (this.#looked === 0) return [];
    const [slot, version] = [this.#slot, this.#version];
    const seen = this.#seen;
    const costMicros = Math.round((10_000 * this.#spentMs) / this.#looked) / 10;
    this.#seen = 0;
    this.#looked = 0;
    this.#spentMs = 0;
    const of = { slot, version, windowMs: Math.round(windowMs), seen, costMicros };
    const distributions = [...this.#windows.values()].flatMap((window) => {
      const { count, missing, feature } = window;
      if (count === 0) return [];
      const { name, role, type } = feature;
      return [{ ...of, feature: name, role, type, count, missing, ...window.take() }];
    });
    return [...distributions, ...(this.#scores?.take() ?? []).map((scores) => ({ ...of, ...scores }))];
  }

  #spent(spentMs: number, nowMs: number): void {
    this.#spentMs += spentMs;
    this.#strideSpentMs += spentMs;
    const elapsedMs = nowMs - this.#strideSinceMs;
    if (elapsedMs < STRIDE_EVERY_MS) return;
    this.#stride = nextStride(this.#stride, this.#strideSpentMs, elapsedMs);
    this.#strideSinceMs = nowMs;
    this.#strideSpentMs = 0;
  }
}

function windowOf(feature: Feature, baseline: Baseline | undefined): FeatureWindow {
  const known = baseline?.features.find(({ name, type }) => name === feature.name && type === feature.type);
  const { valueSketch, categories } = known ?? {};
  return new FeatureWindow(
    feature,
    valueSketch === undefined ? undefined : ValueSketch.fromText(valueSketch).frame,
    categories === undefined ? undefined : CategoryCounts.fromText(categories),
  );
}
