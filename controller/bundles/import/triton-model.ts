/** A model of a Triton repository that the onnxruntime backend runs: `config.pbtxt` and a folder for each version. */
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { EXIT, FerryError, systemCodeOf } from "../../../common/ferry-error.ts";
import { badSource, type ForeignModel, type Notes } from "./foreign-model.ts";
import { declaredTensor, parseTritonConfig, type TritonConfig } from "./triton-config.ts";
import { noteTritonSettings, providersOfTriton, servingOfTriton } from "./triton-settings.ts";
import { readWarmup } from "./triton-warmup.ts";

const CONFIG_FILE = "config.pbtxt";

/** A configuration is a page or two. */
const CONFIG_BYTES_MAX = 1024 ** 2;

/** Folders that are looked into for a model. */
const MODELS_LISTED_MAX = 1_000;

export interface TritonOptions {
  /** A version other than the newest that the repository serves. */
  readonly fromVersion?: string;
}

export async function isTritonModel(directory: string): Promise<boolean> {
  return existsSync(join(directory, CONFIG_FILE)) || (await versionsIn(directory)).length > 0;
}

/** Throws FerryError `import-source` where the directory is no such model, `not-found` for a version that is not there. */
export async function readTritonModel(
  repository: string,
  notes: Notes,
  { fromVersion }: TritonOptions = {},
): Promise<ForeignModel> {
  const directory = await modelFolder(repository);
  const config = await readConfig(directory, notes);
  requireOnnx(directory, config);
  const version = await chooseVersion(directory, config, { fromVersion, notes });
  const isBatched = (config.max_batch_size?.[0] ?? 0) > 0;
  const labels = await labelsOf(directory, config, notes);
  noteTritonSettings(config, notes);
  const serving = servingOfTriton(config);
  return {
    name: config.name?.[0] ?? basename(resolve(directory)),
    version,
    release: Number(version),
    onnx: await modelFile(join(directory, version), config),
    ...(labels === undefined ? {} : { labels }),
    providers: providersOfTriton(config, notes),
    ...(serving === undefined ? {} : { serving }),
    inputs: (config.input ?? []).map((tensor) => declaredTensor(tensor, isBatched)),
    outputs: (config.output ?? []).map((tensor) => declaredTensor(tensor, isBatched)),
    samples: (specs, told) => readWarmup(directory, config, specs, told),
  };
}

/** A repository with one model is taken for it; with several, which one must be said. */
async function modelFolder(path: string): Promise<string> {
  if (await isTritonModel(path)) return path;
  const models: string[] = [];
  for (const entry of (await foldersIn(path)).slice(0, MODELS_LISTED_MAX)) {
    if (await isTritonModel(join(path, entry))) models.push(entry);
  }
  const [only] = models;
  if (only !== undefined && models.length === 1) return join(path, only);
  if (only === undefined) {
    throw badSource(
      `${path} is no model of a Triton repository: it has neither ${CONFIG_FILE} nor a folder for a version`,
      "Give the model's own folder, in which config.pbtxt and the folders 1, 2, … lie.",
    );
  }
  throw badSource(
    `${path} holds several models: ${models.join(", ")}`,
    `Import one after the other: ferry bundle import triton ${join(path, only)}`,
  );
}

async function readConfig(directory: string, notes: Notes): Promise<TritonConfig> {
  const path = join(directory, CONFIG_FILE);
  if (!existsSync(path)) {
    notes.chosen.push(`what the ONNX file says of itself: there is no ${CONFIG_FILE}, as where Triton completes it`);
    return {};
  }
  const { size } = await stat(path);
  if (size > CONFIG_BYTES_MAX) throw badSource(`${path} has ${size} bytes`, "That is no configuration of a model.");
  return parseTritonConfig(path, await readFile(path, "utf8"));
}

function requireOnnx(directory: string, { platform, backend }: TritonConfig): void {
  const runs = backend?.[0] ?? platform?.[0];
  if (runs === undefined || runs === "onnxruntime" || runs === "onnxruntime_onnx") return;
  const what = runs === "ensemble" ? "an ensemble of other models" : `run by ${runs}`;
  throw badSource(
    `${directory} is ${what}; a bundle holds one ONNX file`,
    runs === "ensemble" ? "Import the models that it is made of." : "Export the model as ONNX first.",
  );
}

interface VersionChoice {
  readonly fromVersion: string | undefined;
  readonly notes: Notes;
}

/** The newest of those that the repository's policy serves. */
async function chooseVersion(
  directory: string,
  config: TritonConfig,
  { fromVersion, notes }: VersionChoice,
): Promise<string> {
  const all = await versionsIn(directory);
  if (fromVersion !== undefined) {
    if (all.includes(fromVersion)) return fromVersion;
    throw new FerryError("not-found", `${directory} has no version ${fromVersion}: it has ${all.join(", ")}`, {
      hint: "Give one of these with --from-version.",
      exitCode: EXIT.notFound,
    });
  }
  const specific = config.version_policy?.[0]?.specific?.[0]?.versions?.map(String);
  const served = specific === undefined ? all : all.filter((version) => specific.includes(version));
  const newest = served.at(-1);
  if (newest === undefined) {
    throw badSource(
      all.length === 0
        ? `${directory} has no folder for a version`
        : `${directory} serves the versions ${String(specific)}, of which none is there`,
      "A version is a folder with a number for its name, such as 1, and the model in it.",
    );
  }
  const others = all.filter((version) => version !== newest);
  if (others.length > 0) notes.chosen.push(`version ${newest} of ${all.join(", ")} (--from-version)`);
  return newest;
}

/** In ascending order. Triton passes over names that begin with a zero. */
async function versionsIn(directory: string): Promise<string[]> {
  const names = await foldersIn(directory);
  return names.filter((name) => /^[1-9][0-9]{0,14}$/.test(name)).sort((a, b) => Number(a) - Number(b));
}

async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
    throw new FerryError("not-found", `${path} is not a directory`, {
      hint: "Check the path.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

const MODEL_FILE = "model.onnx";

/** A model with external data may be a folder of that name, with a file of that name in it. */
async function modelFile(folder: string, config: TritonConfig): Promise<string> {
  const path = join(folder, config.default_model_filename?.[0] ?? MODEL_FILE);
  const found = await stat(path).catch((cause: unknown) => {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw badSource(`There is no ${path}`, "The file is named by default_model_filename, or is model.onnx.", cause);
  });
  return found.isDirectory() ? join(path, MODEL_FILE) : path;
}

/** A bundle's labels are those of its first output. */
async function labelsOf(directory: string, { output = [] }: TritonConfig, notes: Notes): Promise<string | undefined> {
  const [first, ...others] = output;
  for (const { name, label_filename: file } of others) {
    if (file?.[0] !== undefined)
      notes.left.push(`${file[0]}, labels of output "${String(name[0])}": a bundle has labels of its first output`);
  }
  const file = first?.label_filename?.[0];
  if (file === undefined || file === "") return undefined;
  const path = join(directory, file);
  if (!existsSync(path))
    throw badSource(
      `${CONFIG_FILE} names the labels ${path}, which are not there`,
      "Put the file there, or take label_filename out.",
    );
  return Promise.resolve(path);
}
