/** An MLflow model directory with the onnx flavour, as `mlflow.onnx.save_model` writes it and registries hand it out. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Type, type Static } from "typebox";
import { parse as parseYaml } from "yaml";
import { messageOf } from "../../../common/ferry-error.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { gate } from "../../../protocol/schema.ts";
import { badSource, type ForeignModel, type Notes } from "./foreign-model.ts";
import { readInputExample } from "./mlflow-example.ts";
import { readSignature } from "./mlflow-signature.ts";

const MLMODEL_FILE = "MLmodel";

/** Written where a model comes from a registry: `mlflow.artifacts.download_artifacts("models:/iris/3")`. */
const REGISTRY_FILE = "registered_model_meta";

/** An `MLmodel` is a page of YAML; its signature may name some thousand columns. */
const MLMODEL_BYTES_MAX = 4 * 1024 ** 2;

const OnnxFlavour = Type.Object({
  data: Type.String({ minLength: 1 }),
  code: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  providers: Type.Optional(Type.Union([Type.Array(Type.Unknown()), Type.Null()])),
  onnx_session_options: Type.Optional(Type.Unknown()),
});

const MlModel = Type.Object({
  artifact_path: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  flavors: Type.Record(Type.String(), Type.Unknown()),
  mlflow_version: Type.Optional(Type.String()),
  run_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  utc_time_created: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  metadata: Type.Optional(Type.Unknown()),
  saved_input_example_info: Type.Optional(
    Type.Union([Type.Object({ artifact_path: Type.String(), type: Type.Optional(Type.String()) }), Type.Null()]),
  ),
  signature: Type.Optional(
    Type.Union([
      Type.Object({
        inputs: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        outputs: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        params: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      }),
      Type.Null(),
    ]),
  ),
});
type MlModel = Static<typeof MlModel>;

const checkMlModel = gate(MLMODEL_FILE, MlModel, { explainedPartsMax: Infinity });
const checkFlavour = gate("MLmodel's onnx flavour", OnnxFlavour);
const checkRegistry = gate(
  REGISTRY_FILE,
  Type.Object({ model_name: Type.String(), model_version: Type.Union([Type.String(), Type.Number()]) }),
);

export function isMlflowModel(directory: string): boolean {
  return existsSync(join(directory, MLMODEL_FILE));
}

/** Throws FerryError `import-source` where the directory is no such model. */
export async function readMlflowModel(directory: string, notes: Notes): Promise<ForeignModel> {
  if (!isMlflowModel(directory)) {
    throw badSource(
      `${directory} has no ${MLMODEL_FILE}`,
      "Give the folder that MLflow wrote: the one with MLmodel in it.",
    );
  }
  const described = await readYaml(directory, MLMODEL_FILE, checkMlModel);
  const flavour = onnxFlavour(directory, described);
  const registered = existsSync(join(directory, REGISTRY_FILE))
    ? await readYaml(directory, REGISTRY_FILE, checkRegistry)
    : undefined;
  noteWhatIsLeft(described, flavour, notes);
  const version = versionOf(registered?.model_version, notes);
  const { inputs, outputs } = readSignature(described.signature ?? {}, notes);
  const example = described.saved_input_example_info ?? undefined;
  return {
    name: registered?.model_name ?? nameOf(directory, described),
    ...version,
    description: descriptionOf(described),
    onnx: join(directory, flavour.data),
    providers: providersOf(flavour.providers ?? [], notes),
    inputs,
    outputs,
    samples: async (specs, told) =>
      example === undefined ? undefined : readInputExample(join(directory, example.artifact_path), specs, told),
  };
}

async function readYaml<T>(directory: string, file: string, check: (value: unknown) => T): Promise<T> {
  const path = join(directory, file);
  const text = await readFile(path, "utf8");
  try {
    if (text.length > MLMODEL_BYTES_MAX) throw new RangeError(`it has more than ${MLMODEL_BYTES_MAX} characters`);
    return check(parseYaml(text));
  } catch (cause) {
    const why = cause instanceof ProtocolError ? cause.message : messageOf(cause).split("\n")[0];
    throw badSource(`${path} cannot be used: ${String(why)}`, "Is it as MLflow wrote it? Save the model again.", cause);
  }
}

function onnxFlavour(directory: string, { flavors }: MlModel): Static<typeof OnnxFlavour> {
  const flavour = flavors["onnx"];
  if (flavour === undefined) {
    throw badSource(
      `${directory} has the flavours ${Object.keys(flavors).join(", ")}, but not onnx`,
      "Convert the model (skl2onnx, torch.onnx.export, tf2onnx …) and save it with mlflow.onnx.save_model.",
    );
  }
  try {
    return checkFlavour(flavour);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw badSource(`${directory}: ${cause.message}`, "Is it as MLflow wrote it? Save the model again.", cause);
  }
}

/** What MLflow calls every model that nobody named. */
const NO_NAMES: ReadonlySet<string> = new Set(["model", "artifacts", "."]);

/** `artifact_path` is the name that the author gave; a registry's own name is better, and looked at before. */
function nameOf(directory: string, { artifact_path: path }: MlModel): string {
  const own = path === undefined || path === null ? "" : basename(path);
  return own === "" || NO_NAMES.has(own) ? basename(resolve(directory)) : own;
}

function versionOf(registered: string | number | undefined, notes: Notes): Pick<ForeignModel, "version" | "release"> {
  if (registered === undefined) {
    notes.chosen.push("version 1.0.0: an MLflow folder has none unless it comes from a registry (--version)");
    return { version: "1.0.0" };
  }
  const release = Number(registered);
  return { version: String(registered), ...(Number.isSafeInteger(release) && release >= 0 ? { release } : {}) };
}

function descriptionOf({ run_id: run, utc_time_created: created, mlflow_version: version }: MlModel): string {
  return [
    `Imported from MLflow${version === undefined ? "" : ` ${version}`}`,
    ...(run === undefined || run === null || run === "" ? [] : [`run ${run}`]),
    ...(created === undefined || created === null ? [] : [`saved ${created}`]),
  ].join(", ");
}

const PROVIDERS = new Map([
  ["CUDAExecutionProvider", "cuda"],
  ["TensorrtExecutionProvider", "tensorrt"],
  ["CoreMLExecutionProvider", "coreml"],
  ["OpenVINOExecutionProvider", "openvino"],
  ["DmlExecutionProvider", "dml"],
  ["CPUExecutionProvider", "cpu"],
]);

/** What MLflow writes where the author said nothing. */
const MLFLOW_DEFAULT = "CUDAExecutionProvider,CPUExecutionProvider";

function providersOf(given: readonly unknown[], notes: Notes): readonly string[] {
  // A provider with options stands as a pair of its name and them.
  const names = given.map((entry) => String(Array.isArray(entry) ? entry[0] : entry));
  if (names.join(",") === MLFLOW_DEFAULT) return [];
  const unknown = names.filter((name) => !PROVIDERS.has(name));
  if (unknown.length > 0) notes.left.push(`the execution providers ${unknown.join(", ")}: no device of ours has them`);
  if (given.some((entry) => Array.isArray(entry))) notes.left.push("options of execution providers");
  // The processor is the last resort without being named.
  return names.flatMap((name) => PROVIDERS.get(name) ?? []).filter((name) => name !== "cpu");
}

function noteWhatIsLeft(
  { flavors, metadata }: MlModel,
  { code, onnx_session_options: options }: Static<typeof OnnxFlavour>,
  notes: Notes,
) {
  const others = Object.keys(flavors).filter((name) => name !== "onnx" && name !== "python_function");
  if (others.length > 0) notes.left.push(`the flavours ${others.join(", ")}: a device runs the ONNX file`);
  if (code !== undefined && code !== null)
    notes.left.push(`Python code in ${code}: a device runs the ONNX file and nothing else`);
  if (isGiven(options)) notes.left.push("onnx_session_options: threads are set on the device, from its hardware");
  if (isGiven(metadata)) notes.left.push("metadata: put what people should read into `description` of model.json");
}

function isGiven(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
