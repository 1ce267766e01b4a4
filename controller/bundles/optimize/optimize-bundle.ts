import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import { writeOptimizedModel, type OptimizationLevel } from "../../../common/onnx-session.ts";
import { MODEL_JSON } from "../../../protocol/bundle/bundle-path.ts";
import { parseGoldenSet } from "../../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { ModelVersion } from "../../../protocol/ids.ts";
import { bundleFiles } from "../bundle-source.ts";
import { openCheckedBundle, type CheckedBundle } from "../check-bundle.ts";
import { modelVersionFrom } from "../model-name.ts";
import { externalFiles, readingOnnx, readOnnxFile } from "../onnx/onnx-file.ts";
import type { QuantizationMode } from "../onnx/plan-quantization.ts";
import { quantizeModel, type QuantizedModel } from "../onnx/quantize-model.ts";
import { refuseToOverwrite } from "../refuse-to-overwrite.ts";
import { writeJson } from "../write-json.ts";
import { chooseCandidate, passes } from "./choose-candidate.ts";
import { compareModels, sizeOf, type Candidate, type CandidateFigures } from "./compare-models.ts";

export interface OptimizeOptions {
  /** Where the optimised bundle is made. */
  readonly output: string;
  /** onnxruntime's own rewriting of the graph; none where it is absent. */
  readonly level?: OptimizationLevel;
  /** The ways to try, of which the best is taken; none where it is empty. */
  readonly int8: readonly QuantizationMode[];
  readonly version?: string;
  /** Takes the place of the golden set's absolute tolerance, in the new bundle or for its variant too. */
  readonly tolerance?: number;
  /** The result stands beside the file as it is, and each device takes the one that is faster there. */
  readonly asVariant?: true;
  readonly force: boolean;
}

export interface OptimizeReport {
  readonly directory: string;
  readonly model: ModelJson;
  /** What was written. */
  readonly chosen: string;
  /** The bundle as it is comes first. */
  readonly figures: readonly CandidateFigures[];
  readonly quantized: readonly QuantizedReport[];
  readonly tolerance: { readonly absolute: number; readonly relative: number };
}

/** What became of a model's weights. */
export interface QuantizedReport extends Omit<QuantizedModel, "model" | "left"> {
  readonly mode: QuantizationMode;
  readonly leftBytes: Readonly<Record<string, number>>;
}

/** What was measured, with nothing written: no candidate passes the golden set. */
export class NotAccurate extends Error {
  override readonly name = "NotAccurate";
  readonly report: Pick<OptimizeReport, "figures" | "quantized" | "tolerance">;
  /** For whoever does not want the figures. */
  readonly failure: FerryError;

  constructor(failure: FerryError, report: NotAccurate["report"]) {
    super(failure.message);
    this.failure = failure;
    this.report = report;
  }
}

/** Makes a bundle of a bundle: smaller or faster, and held against the same golden set. Throws FerryError or NotAccurate. */
export async function optimizeBundle(directory: string, options: OptimizeOptions): Promise<OptimizeReport> {
  if (options.level === undefined && options.int8.length === 0) {
    throw new FerryError("usage", "What should become of the bundle?", {
      hint: "Give --level basic, extended or all; --int8; or both.",
      exitCode: EXIT.usage,
    });
  }
  if (resolve(options.output) === resolve(directory)) {
    throw new FerryError("usage", `${options.output} is the bundle itself`, {
      hint: "Name another folder: the one that works stays.",
      exitCode: EXIT.usage,
    });
  }
  await refuseToOverwrite(options.output, options.force);
  const bundle = await openCheckedBundle(directory);
  await bundle.session.release();
  const target = resolve(options.output);
  const staging = join(dirname(target), `.${basename(target)}.${randomUUID()}.part`);
  const candidates = `${staging}.models`;
  try {
    await mkdir(candidates, { recursive: true });
    const { all, quantized } = await makeCandidates(directory, bundle.model, { folder: candidates, ...options });
    const { report, winner } = await judge(bundle, { all, quantized, options });
    const model = await writeResult(staging, { directory, bundle, winner, options });
    await rm(target, { recursive: true, force: true });
    await rename(staging, target);
    return { ...report, directory: options.output, model, chosen: winner.name };
  } finally {
    await rm(staging, { recursive: true, force: true });
    await rm(candidates, { recursive: true, force: true });
  }
}

type Wanted = Pick<OptimizeOptions, "level" | "int8"> & { readonly folder: string };

async function makeCandidates(directory: string, { file }: ModelJson, { folder, level, int8 }: Wanted) {
  const original = join(directory, file);
  const external = await externalOf(original);
  const all: Candidate[] = [
    {
      name: "as it is",
      path: original,
      sizeBytes: await sizeOf([original, ...external.map((name) => join(dirname(original), name))]),
    },
  ];
  const quantized: QuantizedReport[] = [];
  let base = original;
  if (level !== undefined) {
    base = join(folder, `${level}.onnx`);
    await writeOptimizedModel(original, base, level);
    if (int8.length === 0) all.push({ name: level, path: base, sizeBytes: await sizeOf([base]) });
  }
  const bytes = await readOnnxFile(base);
  for (const mode of int8) {
    const result = readingOnnx(original, () =>
      tryToQuantize(bytes, mode, { directory: dirname(base), isOnly: int8.length === 1 }),
    );
    if (result === undefined) continue;
    const path = join(folder, `int8-${mode}.onnx`);
    await writeFile(path, result.model);
    const { model: _, left, ...counts } = result;
    quantized.push({ mode, ...counts, leftBytes: Object.fromEntries(left) });
    all.push({ name: nameOf(level, mode), path, sizeBytes: await sizeOf([path]) });
  }
  return { all, quantized };
}

function nameOf(level: OptimizationLevel | undefined, mode: QuantizationMode): string {
  return level === undefined ? `int8 ${mode}` : `${level}, int8 ${mode}`;
}

/** One of several ways may be closed to a model; integers for products are no way of their own where there is none. */
function tryToQuantize(
  bytes: Uint8Array,
  mode: QuantizationMode,
  { directory, isOnly }: { readonly directory: string; readonly isOnly: boolean },
): QuantizedModel | undefined {
  try {
    const result = quantizeModel(bytes, mode, directory);
    return mode === "dynamic" && result.products === 0 && !isOnly ? undefined : result;
  } catch (thrown) {
    if (!isOnly && mode === "dynamic" && thrown instanceof FerryError && thrown.code === "optimize-opset")
      return undefined;
    throw thrown;
  }
}

async function externalOf(path: string): Promise<string[]> {
  const bytes = await readOnnxFile(path);
  return [...readingOnnx(path, () => externalFiles(bytes))];
}

interface ToJudge {
  readonly all: readonly Candidate[];
  readonly quantized: readonly QuantizedReport[];
  readonly options: OptimizeOptions;
}

/** Throws NotAccurate where nothing passes the golden set. */
async function judge(bundle: CheckedBundle, { all, quantized, options }: ToJudge) {
  const { model, labels, cases, tolerances } = bundle;
  const tolerance = {
    ...tolerances.tolerance,
    ...(options.tolerance === undefined ? {} : { absolute: options.tolerance }),
  };
  const [output] = model.outputs;
  const hasClasses = model.labels !== undefined || output?.shape.length === 2;
  const figures = await compareModels(all, {
    model,
    labels,
    cases,
    tolerances: { ...tolerances, tolerance },
    hasClasses,
  });
  const chosen = chooseCandidate(figures);
  const winner = all.find(({ name }) => name === chosen);
  const measured = figures.find(({ name }) => name === chosen);
  const report = { figures, quantized, tolerance };
  if (winner === undefined || measured === undefined)
    throw new FerryError("optimize-nothing", "There is nothing to write");
  if (passes(measured)) return { report, winner };
  const failed = `${winner.name} passes ${measured.passedCases} of ${measured.cases} golden cases: ${String(measured.firstFailure)}`;
  const hint = `Nothing was written. ${whatItTakes(measured, tolerance)}`;
  throw new NotAccurate(new FerryError("optimize-accuracy", failed, { hint }), report);
}

function whatItTakes({ neededTolerance }: CandidateFigures, { absolute }: { readonly absolute: number }): string {
  if (!Number.isFinite(neededTolerance)) return "The model answers with what is no number.";
  if (neededTolerance <= absolute) {
    return "Pictures or sounds of the golden set mean something else to it: its resultTolerance says how near is near enough.";
  }
  return `If that is near enough for what the model is for: --tolerance ${roundedUp(neededTolerance)}`;
}

/** To two digits, so that a number that a person types is enough. */
function roundedUp(value: number): string {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return String(Number((Math.ceil(value / unit) * unit).toPrecision(2)));
}

interface Result {
  readonly directory: string;
  readonly bundle: CheckedBundle;
  readonly winner: Candidate;
  readonly options: OptimizeOptions;
}

/** All files of the bundle but its signatures, which are over other bytes, and the weights that are in the model now. */
async function writeResult(staging: string, { directory, bundle, winner, options }: Result): Promise<ModelJson> {
  const { model: former } = bundle;
  const model = modelOf(bundle, options);
  const left = new Set([MODEL_JSON]);
  if (options.asVariant !== true) {
    const external = await externalOf(join(directory, former.file));
    for (const path of [former.file, ...external.map((name) => join(dirname(former.file), name))]) left.add(path);
  }
  for (const path of await bundleFiles(directory)) {
    if (left.has(path)) continue;
    await mkdir(dirname(join(staging, path)), { recursive: true });
    await copyFile(join(directory, path), join(staging, path));
  }
  const target = options.asVariant === true ? variantFile(former, options) : former.file;
  await mkdir(dirname(join(staging, target)), { recursive: true });
  await copyFile(winner.path, join(staging, target));
  await writeJson(join(staging, MODEL_JSON), model);
  if (options.tolerance !== undefined && options.asVariant !== true && former.golden !== undefined) {
    const golden = parseGoldenSet(await readFile(join(staging, former.golden)));
    const tolerance = { ...golden.tolerance, absolute: options.tolerance };
    await writeJson(join(staging, former.golden), { ...golden, tolerance });
  }
  const checked = await openCheckedBundle(staging);
  await checked.session.release();
  return model;
}

function modelOf({ model: former, tolerances: { tolerance } }: CheckedBundle, options: OptimizeOptions): ModelJson {
  const model = { ...former, version: versionOf(former.version, options) };
  if (options.asVariant !== true) return model;
  const variant = {
    name: variantName(options),
    file: variantFile(former, options),
    ...(options.tolerance === undefined ? {} : { tolerance: { ...tolerance, absolute: options.tolerance } }),
  };
  const others = (former.variants ?? []).filter(({ name }) => name !== variant.name);
  return { ...model, variants: [...others, variant] };
}

function variantName({ level, int8 }: OptimizeOptions): string {
  return int8.length > 0 ? "int8" : String(level);
}

/** As `ferry bundle init` finds them: `model-int8.onnx` beside `model.onnx`. */
function variantFile({ file }: ModelJson, options: OptimizeOptions): string {
  return `${file.replace(/\.onnx$/i, "")}-${variantName(options)}.onnx`;
}

/** Another version, since other bytes under the same one would be refused by a catalogue. */
function versionOf(former: ModelVersion, options: OptimizeOptions): ModelVersion {
  return modelVersionFrom(options.version ?? `${former}-${variantName(options)}`);
}
