import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FerryError } from "../../common/ferry-error.ts";
import type { OnnxSession } from "../../common/onnx-session.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import type { Baseline, BaselineFeature } from "../../protocol/bundle/baseline.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import { CategoryCounts } from "../../protocol/category-counts.ts";
import { featureLayout, typedAs, type Feature, type TensorFeatures } from "../../protocol/features/feature-layout.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { FeatureReader, examplesIn, type FeatureValue } from "../../protocol/features/read-features.ts";
import { frameOf, ValueSketch } from "../../protocol/value-sketch.ts";
import { openCheckedBundle } from "./check-bundle.ts";
import { readBaselineSamples } from "./baseline-samples.ts";
import { codesIn } from "./codes-in.ts";
import { makeDetectors } from "./make-detectors.ts";
import type { SampleCase } from "./sample-inputs.ts";
import { writeJson } from "./write-json.ts";

export const BASELINE_JSON = "baseline.json";
/** Fewer tell a device's next thousand examples from them by chance alone. */
const SAMPLES_MIN = 100;

export interface MadeBaseline {
  readonly model: ModelJson;
  readonly baseline: Baseline;
  /** True where there are so few samples that only large changes will show. */
  readonly isSmall: boolean;
}

/** Runs the bundle's model over the samples and writes `baseline.json` beside it, named in `model.json`. Throws FerryError. */
export async function makeBaseline(directory: string, samplesPath: string): Promise<MadeBaseline> {
  const { model, session } = await openCheckedBundle(directory);
  try {
    const samples = await readBaselineSamples(samplesPath, model.inputs);
    const baseline = await baselineOf(model, session, samples);
    await writeJson(join(directory, BASELINE_JSON), baseline);
    await nameInModel(directory);
    return { model, baseline, isSmall: baseline.samples < SAMPLES_MIN };
  } finally {
    await session.release();
  }
}

/** The same as a device would measure of these samples. Throws FerryError `bad-samples` where there is none. */
export async function baselineOf(
  model: ModelJson,
  session: Pick<OnnxSession, "run">,
  samples: readonly SampleCase[],
): Promise<Baseline> {
  const layout = featureLayout(model);
  const values = new Map<string, FeatureValue[]>();
  for (const { inputs } of samples) addValues(values, layout, [...inputs, ...(await session.run(inputs))]);
  const codes = layout.flatMap((part) => codesIn(part, model.inputs, values));
  for (const { name } of codes) values.set(name, (values.get(name) ?? []).map(asCategory));
  const typed = typedAs(layout, codes);
  const features = typed
    .flatMap((part) => part.features)
    .map((feature) => featureOf(feature, values.get(feature.name) ?? []));
  const count = Math.max(0, ...features.map((feature) => feature.count));
  if (count === 0) throw new FerryError("bad-samples", "There are no samples to make a baseline of");
  const detectors = makeDetectors(
    features
      .filter(({ role, type, missing }) => role === "input" && type === "number" && missing === 0)
      .map(({ name }) => ({ name, values: (values.get(name) ?? []).filter((value) => typeof value === "number") })),
  );
  return { formatVersion: 1, samples: count, features, ...(detectors === undefined ? {} : { detectors }) };
}

/** Of each feature, example by example. */
function addValues(values: Map<string, FeatureValue[]>, layout: readonly TensorFeatures[], tensors: readonly Tensor[]) {
  const reader = new FeatureReader(layout, tensors);
  const count = examplesIn(layout, tensors);
  for (let at = 0; at < count; at += 1) {
    reader.read(at, (feature, value) => {
      const known = values.get(feature);
      if (known === undefined) values.set(feature, [value]);
      else known.push(value);
    });
  }
}

/** As a device reads a code. */
function asCategory(value: FeatureValue): FeatureValue {
  return value === undefined ? undefined : String(value);
}

function featureOf({ name, role, type }: Feature, values: readonly FeatureValue[]): BaselineFeature {
  const missing = values.filter((value) => value === undefined).length;
  const described = type === "number" ? { valueSketch: sketchOf(values) } : { categories: categoriesOf(values) };
  return { name, role, type, count: values.length, missing, ...described };
}

function sketchOf(values: readonly FeatureValue[]): string {
  const numbers = values.filter((value) => typeof value === "number");
  const sketch = new ValueSketch(frameOf(numbers));
  for (const value of numbers) sketch.add(value);
  return sketch.toText();
}

function categoriesOf(values: readonly FeatureValue[]): string {
  const counts = new CategoryCounts();
  for (const value of values) if (typeof value === "string") counts.add(value);
  return counts.toText();
}

async function nameInModel(directory: string): Promise<void> {
  const path = join(directory, MODEL_JSON);
  const model = parseModelJson(await readFile(path));
  if (model.baseline !== BASELINE_JSON) await writeJson(path, { ...model, baseline: BASELINE_JSON });
}
