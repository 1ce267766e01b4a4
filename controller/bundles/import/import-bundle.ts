import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { systemCodeOf, type FerryError } from "../../../common/ferry-error.ts";
import { openOnnxSession } from "../../../common/onnx-session.ts";
import { checkBundlePath } from "../../../protocol/bundle/bundle-path.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { hasRows, type Serving } from "../../../protocol/bundle/serving.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { openCheckedBundle } from "../check-bundle.ts";
import { allowedNameLike, modelNameFrom, modelVersionFrom, releaseOf } from "../model-name.ts";
import { externalFiles, readingOnnx, readOnnxFile } from "../onnx/onnx-file.ts";
import { refuseToOverwrite } from "../refuse-to-overwrite.ts";
import { readBaselineSamples } from "../baseline-samples.ts";
import type { SampleCase } from "../sample-inputs.ts";
import { interfaceOf, writeBundle, type WrittenBundle } from "../write-bundle.ts";
import { interfaceContradictions, labelContradictions } from "./compare-interface.ts";
import { badSource, contradiction, type ForeignModel, type Notes } from "./foreign-model.ts";

export interface ImportOptions {
  /** Where the bundle is made; a folder named after the model where it is absent. */
  readonly output?: string;
  readonly name?: string;
  readonly version?: string;
  /** A file of sample inputs, instead of those that came with the model. */
  readonly samples?: string;
  /** Replaces what lies in `output`. */
  readonly force: boolean;
}

export interface ImportReport extends Notes {
  readonly directory: string;
  readonly model: ModelJson;
  readonly cases: number;
  /** Samples of which a baseline was made; undefined where there were too few. */
  readonly baselineSamples: number | undefined;
  /** Where the golden set's inputs come from. */
  readonly inputs: "samples" | "source" | "synthetic";
}

/** Makes a bundle of what another tool keeps: held against the ONNX file, written whole or not at all. Throws FerryError. */
export async function importBundle(foreign: ForeignModel, notes: Notes, options: ImportOptions): Promise<ImportReport> {
  const name = options.name === undefined ? likeName(foreign.name, notes) : modelNameFrom(options.name);
  const version = modelVersionFrom(options.version ?? foreign.version);
  const directory = options.output ?? name;
  await refuseToOverwrite(directory, options.force);
  const staging = join(dirname(resolve(directory)), `.${basename(resolve(directory))}.${randomUUID()}.part`);
  try {
    await mkdir(staging, { recursive: true });
    const report = await makeBundle(staging, { foreign, notes, name, version, samples: options.samples });
    await rm(directory, { recursive: true, force: true });
    await rename(staging, directory);
    return { directory, ...notes, ...report };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

interface Plan {
  readonly foreign: ForeignModel;
  readonly notes: Notes;
  readonly name: ModelName;
  readonly version: ModelVersion;
  readonly samples: string | undefined;
}

async function makeBundle(staging: string, { foreign, notes, name, version, samples }: Plan) {
  const { onnx, labels, description, providers, release } = foreign;
  await copyModel(onnx, staging);
  if (labels !== undefined) await copyFile(labels, join(staging, LABELS_FILE));
  // From where it lies, so that what is wrong with it is said of that file.
  const session = await openOnnxSession(onnx);
  let written: WrittenBundle;
  let given: readonly SampleCase[] | undefined;
  try {
    const real = interfaceOf(session);
    const found = [
      ...interfaceContradictions(foreign, real, notes),
      ...(labels === undefined ? [] : labelContradictions(basename(labels), await readFile(labels, "utf8"), real)),
    ];
    if (found.length > 0) throw contradicts(onnx, found);
    given =
      samples === undefined
        ? await foreign.samples(real.inputs, notes)
        : await readBaselineSamples(samples, real.inputs);
    const serving = servingOf(foreign, hasRows(real), notes);
    const described = {
      name,
      version,
      release: release ?? releaseOf(version),
      file: MODEL_FILE,
      ...(labels === undefined ? {} : { labels: LABELS_FILE }),
      ...(description === undefined ? {} : { description }),
      ...(providers === undefined || providers.length === 0 ? {} : { providers: [...providers] }),
      ...(serving === undefined ? {} : { serving }),
    };
    written = await writeBundle(staging, session, described, given);
  } finally {
    await session.release();
  }
  const { session: checked, cases } = await openCheckedBundle(staging);
  await checked.release();
  const inputs = samples !== undefined ? "samples" : given === undefined ? "synthetic" : "source";
  const { model, baselineSamples } = written;
  return { model, cases: cases.length, baselineSamples, inputs } as const;
}

function servingOf({ serving }: ForeignModel, isBatchable: boolean, notes: Notes): Serving | undefined {
  if (serving?.batching === undefined || isBatchable) return serving;
  notes.left.push("batching: not every input and output of the ONNX file has a first dimension that varies");
  const { batching: _, ...others } = serving;
  return Object.keys(others).length === 0 ? undefined : others;
}

const MODEL_FILE = "model.onnx";
const LABELS_FILE = "labels.txt";

/** The file and the weights beside it, under the names by which the file knows them. */
async function copyModel(onnx: string, staging: string): Promise<void> {
  const bytes = await readOnnxFile(onnx);
  for (const location of readingOnnx(onnx, () => externalFiles(bytes))) {
    requireInside(onnx, location);
    const target = join(staging, location);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(dirname(onnx), location), target).catch((cause: unknown) => {
      if (systemCodeOf(cause) !== "ENOENT") throw cause;
      throw badSource(
        `${onnx} keeps weights in ${location}, which is not beside it`,
        "Copy the model whole: its external data belongs to it.",
        cause,
      );
    });
  }
  await copyFile(onnx, join(staging, MODEL_FILE));
}

function requireInside(onnx: string, location: string): void {
  try {
    checkBundlePath(location);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw badSource(
      `${onnx} keeps weights outside its folder: ${cause.message}`,
      "Save the model again with its external data beside it.",
      cause,
    );
  }
}

function contradicts(onnx: string, found: readonly string[]): FerryError {
  return contradiction(
    `The model contradicts ${basename(onnx)}: ${found.join("; ")}`,
    "Correct what does not hold: a device runs the ONNX file.",
  );
}

/** Names of other tools have capitals and underscores: the nearest allowed one is taken, and said. */
function likeName(text: string, notes: Notes): ModelName {
  const name = allowedNameLike(text);
  if (name === undefined) return modelNameFrom(text);
  if (name !== text) notes.chosen.push(`the name ${name}: ${JSON.stringify(text)} is not allowed here (--name)`);
  return name;
}
