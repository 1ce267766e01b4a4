import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { openOnnxSession, type OnnxSession } from "../../common/onnx-session.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import { loadGoldenCase, type GoldenTolerances, type LoadedCase } from "../../common/processing/golden-case.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import { namedFiles } from "../../protocol/bundle/agent-part.ts";
import { checkBundlePath, checkNoTwins, MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { parseGoldenSet, type GoldenSet } from "../../protocol/bundle/golden.ts";
import { parseBaseline } from "../../protocol/bundle/baseline.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import { isOutside } from "../../protocol/bundle/output-range.ts";
import { allVariants } from "../../protocol/bundle/variants.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { shapeFits, type Tensor, type TensorSpec } from "../../protocol/tensor.ts";
import { bundleFiles } from "./bundle-source.ts";
import { prepareHere } from "./prepare-here.ts";

/** A directory whose parts fit together, with its model loaded. */
export interface CheckedBundle {
  readonly model: ModelJson;
  readonly session: OnnxSession;
  /** Empty where the bundle has none. */
  readonly labels: readonly string[];
  readonly tolerances: GoldenTolerances;
  readonly cases: readonly LoadedCase[];
}

/** A directory that may be signed or sent, whatever it holds. Throws FerryError `bad-bundle`, or what openOnnxSession throws. */
export async function checkBundle(directory: string): Promise<ModelJson> {
  const { present, model } = await readDescription(directory);
  if (model.kind === "agent") {
    for (const path of namedFiles(model)) requirePart(directory, present, path);
    return model;
  }
  const { session } = await openCheckedBundle(directory);
  await session.release();
  return model;
}

/**
 * Holds a model's directory against itself: `model.json` against the ONNX file, the golden set and the labels against
 * both, all names against what a device can store. Does not run the model. The caller releases the session. Throws
 * FerryError `bad-bundle`, or what openOnnxSession throws.
 */
export async function openCheckedBundle(directory: string): Promise<CheckedBundle> {
  const { present, model } = await readDescription(directory);
  if (model.golden === undefined) {
    throw badBundle(directory, "it holds a version of the agent, and no model", "Give the directory of a model.");
  }
  for (const path of [model.golden, ...allVariants(model).map(({ file }) => file)]) {
    requirePart(directory, present, path);
  }
  const goldenJson = await readPart(directory, model.golden, "");
  const { cases, ...tolerances } = asBadBundle(directory, () => parseGoldenSet(goldenJson));
  const loaded = await loadCases(directory, present, { model, cases });
  const session = await openOnnxSession(join(directory, model.file));
  try {
    checkInterface(directory, model, model.file, session);
    await checkVariantInterfaces(directory, model);
    await checkLabels(directory, present, model);
    await checkBaseline(directory, present, model);
    for (const golden of loaded) checkCase(directory, model, golden);
  } catch (thrown) {
    await session.release();
    throw thrown;
  }
  return { model, session, labels: await readLabels({ directory, model }), tolerances, cases: loaded };
}

async function readDescription(directory: string) {
  const paths = await bundleFiles(directory);
  asBadBundle(directory, () => {
    paths.forEach(checkBundlePath);
    checkNoTwins(paths);
  });
  const modelJson = await readPart(directory, MODEL_JSON, "Make it with: ferry bundle init");
  return { present: new Set(paths), model: asBadBundle(directory, () => parseModelJson(modelJson)) };
}

async function readPart(directory: string, path: string, hint: string): Promise<Buffer> {
  try {
    return await readFile(join(directory, path));
  } catch (cause) {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw badBundle(directory, `it has no ${path}`, `${hint} ${directory}`.trim(), cause);
  }
}

function requirePart(directory: string, present: ReadonlySet<string>, path: string): void {
  if (!present.has(path)) {
    throw badBundle(
      directory,
      `${MODEL_JSON} names ${path}, which is not there`,
      "Put the file there, or correct the name.",
    );
  }
}

async function loadCases(
  directory: string,
  present: ReadonlySet<string>,
  { model, cases }: Pick<CheckedBundle, "model"> & Pick<GoldenSet, "cases">,
): Promise<LoadedCase[]> {
  const loaded: LoadedCase[] = [];
  for (const golden of cases) {
    const { name } = golden;
    const read = (file: string) => {
      if (present.has(file)) return readFile(join(directory, file));
      throw badBundle(directory, `golden case "${name}" names ${file}, which is not there`, INIT_AGAIN);
    };
    try {
      loaded.push(await loadGoldenCase(golden, model, { read, prepare: prepareHere }));
    } catch (thrown) {
      if (thrown instanceof ProcessingError)
        throw badBundle(directory, `golden case "${name}": ${thrown.message}`, MEDIA_HINT, thrown);
      throw asBadBundleError(directory, thrown);
    }
  }
  return loaded;
}

const MEDIA_HINT = "Put a picture or sound there that a client would send, and see the model's preprocessing.";

/** As many labels as the last dimension of the first output, where that is fixed. */
async function checkLabels(directory: string, present: ReadonlySet<string>, model: ModelJson): Promise<void> {
  if (model.labels === undefined) return;
  requirePart(directory, present, model.labels);
  const labels = (await readFile(join(directory, model.labels), "utf8")).replace(/\n$/, "").split("\n").length;
  const [output] = model.outputs;
  const classes = output?.shape.at(-1) ?? -1;
  if (classes !== -1 && labels !== classes) {
    throw badBundle(
      directory,
      `${model.labels} has ${labels} labels, but output "${String(output?.name)}" has ${classes} classes`,
      "Write one label a line, in the order of the model's classes.",
    );
  }
}

/** A device would go without a baseline that it cannot read. */
async function checkBaseline(directory: string, present: ReadonlySet<string>, model: ModelJson): Promise<void> {
  if (model.baseline === undefined) return;
  requirePart(directory, present, model.baseline);
  const bytes = await readFile(join(directory, model.baseline));
  asBadBundle(directory, () => parseBaseline(bytes));
}

/** Applications do not know which of them answers: all take and give the same. */
async function checkVariantInterfaces(directory: string, model: ModelJson): Promise<void> {
  for (const { file } of model.variants ?? []) {
    const session = await openOnnxSession(join(directory, file));
    try {
      checkInterface(directory, model, file, session);
    } finally {
      await session.release();
    }
  }
}

function checkInterface(directory: string, model: ModelJson, file: string, session: OnnxSession): void {
  for (const [role, declared, real] of [
    ["inputs", model.inputs, session.inputs],
    ["outputs", model.outputs, session.outputs],
  ] as const) {
    const [said, is] = [declared, real].map(interfaceText);
    if (said === is) continue;
    throw badBundle(directory, `${MODEL_JSON} says ${role} ${String(said)}, but ${file} has ${String(is)}`, INIT_AGAIN);
  }
}

function interfaceText(
  specs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[],
) {
  return specs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join(", ");
}

/** Every input once (a picture or a sound becomes them all), and only outputs that the model has. */
function checkCase(directory: string, model: ModelJson, { name, inputs, outputs, media }: LoadedCase): void {
  for (const spec of media === undefined ? model.inputs : []) {
    if (inputs.filter((tensor) => tensor.name === spec.name).length === 1) continue;
    throw badBundle(directory, `golden case "${name}" does not give input "${spec.name}" once`, INIT_AGAIN);
  }
  const check = (role: string, tensor: Tensor, specs: readonly TensorSpec[]) => {
    const spec = specs.find((candidate) => candidate.name === tensor.name);
    const fits = spec?.datatype === tensor.datatype && shapeFits(tensor.shape, spec.shape);
    if (fits) return;
    const [came, wanted] = [[tensor], spec === undefined ? [] : [spec]].map(interfaceText);
    throw badBundle(
      directory,
      `golden case "${name}" has ${role} ${String(came)}, ${spec === undefined ? "which the model lacks" : `the model has ${String(wanted)}`}`,
      INIT_AGAIN,
    );
  };
  for (const tensor of inputs) check("input", tensor, model.inputs);
  for (const tensor of outputs) {
    check("output", tensor, model.outputs);
    const range = model.outputs.find((spec) => spec.name === tensor.name)?.range;
    if (range === undefined || !isOutside(tensor, range)) continue;
    throw badBundle(
      directory,
      `golden case "${name}" has values of output "${tensor.name}" outside its range of ${range.join(" to ")}`,
      `Correct the range in ${MODEL_JSON}: devices turn back from a version whose answers leave it.`,
    );
  }
}

const INIT_AGAIN = "Correct the file, or write it anew with: ferry bundle init --force";

function asBadBundle<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw asBadBundleError(directory, thrown);
  }
}

function asBadBundleError(directory: string, thrown: unknown): unknown {
  return thrown instanceof ProtocolError ? badBundle(directory, thrown.message, INIT_AGAIN, thrown) : thrown;
}

function badBundle(directory: string, why: string, hint: string, cause?: unknown): FerryError {
  return new FerryError("bad-bundle", `${basename(directory)} is not a bundle that a device could use: ${why}`, {
    ...(hint === "" ? {} : { hint }),
    cause,
  });
}
