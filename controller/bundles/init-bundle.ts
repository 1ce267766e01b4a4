import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { openOnnxSession, type OnnxSession } from "../../common/onnx-session.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { parseGoldenSet } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { bundleFiles } from "./bundle-source.ts";
import { writeGolden } from "./golden-writer.ts";
import { modelNameFrom, modelVersionFrom, releaseOf } from "./model-name.ts";
import { readSamples, type SampleCase } from "./sample-inputs.ts";
import { syntheticSamples } from "./synthetic-inputs.ts";

export const GOLDEN_JSON = "golden.json";

/** Taken as the labels of the model's classes where it is there. */
const LABELS_FILE = "labels.txt";

export interface InitOptions {
  /** The directory's name where it is absent. */
  readonly name?: string;
  readonly version: string;
  /** Derived from the version where it is absent. */
  readonly release?: number;
  /** A file of sample inputs; synthetic ones where it is absent. */
  readonly samples?: string;
  /** Replaces a `model.json` and a golden set that are there already. */
  readonly force: boolean;
}

interface InitReport {
  readonly model: ModelJson;
  readonly cases: number;
  /** True where no samples were given: such a golden set shows that machines compute alike, not that the model is right. */
  readonly synthetic: boolean;
}

/** Makes a bundle of a directory with an ONNX file: reads its interface, writes `model.json` and a golden set. */
export async function initBundle(directory: string, options: InitOptions): Promise<InitReport> {
  const name = modelNameFrom(options.name ?? basename(resolve(directory)));
  const version = modelVersionFrom(options.version);
  const file = await findOnnxFile(directory);
  if (!options.force) refuseToOverwrite(directory);
  const session = await openOnnxSession(join(directory, file));
  try {
    const model: ModelJson = {
      formatVersion: 1,
      name,
      version,
      release: options.release ?? releaseOf(version),
      rollbackIndex: 0,
      file,
      inputs: session.inputs.map(({ shape, ...spec }) => ({ ...spec, shape: [...shape] })),
      outputs: session.outputs.map(({ shape, ...spec }) => ({ ...spec, shape: [...shape] })),
      ...(existsSync(join(directory, LABELS_FILE)) ? { labels: LABELS_FILE } : {}),
      golden: GOLDEN_JSON,
      compatible: ["*"],
    };
    const samples =
      options.samples === undefined ? syntheticSamples(model.inputs) : await readSamples(options.samples, model.inputs);
    await writeGoldenSet(directory, session, samples, options.samples === undefined);
    await writeJson(join(directory, MODEL_JSON), model);
    return { model, cases: samples.length, synthetic: options.samples === undefined };
  } finally {
    await session.release();
  }
}

/** `model.onnx`, or the only `.onnx` file at the top of the directory. */
async function findOnnxFile(directory: string): Promise<string> {
  const found = (await bundleFiles(directory)).filter((path) => /^[^/]+\.onnx$/i.test(path));
  const [only, another] = found;
  if (found.includes("model.onnx")) return "model.onnx";
  if (only === undefined) {
    throw new FerryError("no-model", `${directory} holds no ONNX file`, {
      hint: "Put the model there as model.onnx. Other frameworks export ONNX: torch.onnx.export, tf2onnx, skl2onnx.",
      exitCode: EXIT.notFound,
    });
  }
  if (another !== undefined) {
    throw new FerryError("no-model", `${directory} holds several ONNX files: ${found.join(", ")}`, {
      hint: "Name the one that is the model model.onnx, or move the others away.",
      exitCode: EXIT.usage,
    });
  }
  return only;
}

function refuseToOverwrite(directory: string): void {
  const present = [MODEL_JSON, GOLDEN_JSON].filter((file) => existsSync(join(directory, file)));
  if (present.length === 0) return;
  throw new FerryError("exists", `${directory} is a bundle already: ${present.join(" and ")} would be overwritten`, {
    hint: "Edit the files, or write them anew with --force.",
    exitCode: EXIT.conflict,
  });
}

async function writeGoldenSet(
  directory: string,
  session: OnnxSession,
  samples: readonly SampleCase[],
  synthetic: boolean,
): Promise<void> {
  const { golden, files } = await writeGolden(session, samples).catch((cause: unknown) => {
    if (!synthetic) throw cause;
    throw new FerryError("synthetic-refused", `The model cannot use synthetic inputs: ${messageOf(cause)}`, {
      hint: "Give it inputs that it is made for: --samples FILE, a JSON list of {name, inputs: {tensor: values}}.",
      cause,
    });
  });
  await removeFormerTensors(directory);
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
  await writeJson(join(directory, GOLDEN_JSON), golden);
}

/** Tensor files of a golden set that is being replaced would travel on with every bundle. */
async function removeFormerTensors(directory: string): Promise<void> {
  if (!existsSync(join(directory, GOLDEN_JSON))) return;
  try {
    const { cases } = parseGoldenSet(await readFile(join(directory, GOLDEN_JSON)));
    const named = new Set(cases.flatMap(({ inputs, outputs }) => [...inputs, ...outputs].map(({ file }) => file)));
    const present = await bundleFiles(directory);
    for (const path of present) if (named.has(path)) await rm(join(directory, path));
  } catch (thrown) {
    // A golden set that cannot be read names nothing.
    if (!(thrown instanceof ProtocolError)) throw thrown;
  }
}

/** Two spaces, and lists of numbers on one line each: people read these files and compare them. */
async function writeJson(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value, undefined, 2).replaceAll(
    /\[\s+((?:-?[\d.e+-]+|true|false)(?:,\s+(?:-?[\d.e+-]+|true|false))*)\s+\]/g,
    (_, list: string) => `[${list.replaceAll(/,\s+/g, ", ")}]`,
  );
  await writeFile(path, `${text}\n`);
}
