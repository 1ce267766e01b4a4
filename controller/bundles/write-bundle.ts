import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { OnnxSession } from "../../common/onnx-session.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { goldenFiles, isMediaCase, parseGoldenSet, type GoldenSet } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TensorSpec } from "../../protocol/tensor.ts";
import { bundleFiles } from "./bundle-source.ts";
import { GOLDEN_FOLDER, writeGolden } from "./golden-writer.ts";
import type { MediaGolden } from "./media-golden.ts";
import { proposeBatching } from "./propose-batching.ts";
import type { SampleCase } from "./sample-inputs.ts";
import { syntheticSamples } from "./synthetic-inputs.ts";

export const GOLDEN_JSON = "golden.json";

/** What a bundle says that its ONNX file does not. */
export interface BundleDescription extends Partial<ModelJson> {
  readonly name: ModelJson["name"];
  readonly version: ModelJson["version"];
  readonly release: number;
  /** The ONNX file, in the bundle's directory already. */
  readonly file: string;
}

/** What the ONNX file takes and gives, in the words of `model.json`. */
export function interfaceOf({ inputs, outputs }: OnnxSession): { inputs: TensorSpec[]; outputs: TensorSpec[] } {
  const specOf = ({ shape, ...spec }: OnnxSession["inputs"][number]) => ({ ...spec, shape: [...shape] });
  return { inputs: inputs.map(specOf), outputs: outputs.map(specOf) };
}

/** Writes `model.json` and a golden set beside an ONNX file. Without samples and media its inputs are synthetic. */
export async function writeBundle(
  directory: string,
  session: OnnxSession,
  description: BundleDescription,
  samples: readonly SampleCase[] | undefined,
  media?: MediaGolden,
): Promise<{ readonly model: ModelJson; readonly cases: number }> {
  const { name, version, release, file, ...more } = description;
  const { inputs, outputs } = interfaceOf(session);
  const isSynthetic = samples === undefined && media === undefined;
  const ofTensors = isSynthetic ? syntheticSamples(inputs) : (samples ?? []);
  const { cases, tolerance } = await writeGoldenSet(directory, session, { samples: ofTensors, isSynthetic, media });
  const known = [...ofTensors, ...(media?.loaded ?? [])];
  const batching = more.serving?.batching ?? (await proposeBatching(session, known, tolerance));
  const serving = batching === undefined ? {} : { serving: { ...more.serving, batching } };
  const model: ModelJson = {
    formatVersion: 1,
    name,
    version,
    release,
    rollbackIndex: 0,
    file,
    inputs,
    outputs,
    golden: GOLDEN_JSON,
    compatible: ["*"],
    ...more,
    ...media?.processing,
    ...serving,
  };
  await writeJson(join(directory, MODEL_JSON), model);
  return { model, cases: cases.length };
}

interface GoldenSource {
  readonly samples: readonly SampleCase[];
  readonly isSynthetic: boolean;
  readonly media: MediaGolden | undefined;
}

async function writeGoldenSet(
  directory: string,
  session: OnnxSession,
  { samples, isSynthetic, media }: GoldenSource,
): Promise<GoldenSet> {
  const { golden, files } = await writeGolden(session, samples).catch((cause: unknown) => {
    if (!isSynthetic) throw cause;
    throw new FerryError("synthetic-refused", `The model cannot use synthetic inputs: ${messageOf(cause)}`, {
      hint: "Give it inputs that it is made for: --samples FILE, a JSON list of {name, inputs: {tensor: values}}.",
      cause,
    });
  });
  await removeFormerFiles(directory);
  for (const [path, bytes] of [...files, ...(media?.files ?? [])]) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
  const all = { ...golden, cases: [...golden.cases, ...(media?.cases ?? [])] };
  await writeJson(join(directory, GOLDEN_JSON), all);
  return all;
}

/** Files of a golden set that is being replaced would travel on with every bundle. What else a person put there stays. */
async function removeFormerFiles(directory: string): Promise<void> {
  if (!existsSync(join(directory, GOLDEN_JSON))) return;
  try {
    const { cases } = parseGoldenSet(await readFile(join(directory, GOLDEN_JSON)));
    const media = new Set(cases.flatMap((golden) => (isMediaCase(golden) ? golden.media : [])));
    const named = new Set(cases.flatMap(goldenFiles));
    const present = await bundleFiles(directory);
    for (const path of present) {
      const isOurs = !media.has(path) || path.startsWith(`${GOLDEN_FOLDER}/`);
      if (named.has(path) && isOurs) await rm(join(directory, path));
    }
  } catch (thrown) {
    // A golden set that cannot be read names nothing.
    if (!(thrown instanceof ProtocolError)) throw thrown;
  }
}

/** Two spaces, and lists of numbers on one line each: people read these files and compare them. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value, undefined, 2).replaceAll(
    /\[\s+((?:-?[\d.e+-]+|true|false)(?:,\s+(?:-?[\d.e+-]+|true|false))*)\s+\]/g,
    (_, list: string) => `[${list.replaceAll(/,\s+/g, ", ")}]`,
  );
  await writeFile(path, `${text}\n`);
}
