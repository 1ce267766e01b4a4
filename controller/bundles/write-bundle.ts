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
import { DETECTOR_SAMPLES_MIN } from "./make-detectors.ts";
import { BASELINE_JSON, baselineOf } from "./make-baseline.ts";
import type { MediaGolden } from "./media-golden.ts";
import { proposeBatching } from "./propose-batching.ts";
import type { SampleCase } from "./sample-inputs.ts";
import { syntheticSamples } from "./synthetic-inputs.ts";
import { writeJson } from "./write-json.ts";

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

/** Of more samples these many make the golden set: each device runs all of it before each swap. */
export const GOLDEN_OF_SAMPLES_MAX = 50;
/** So many describe what is normal, for drift and anomalies both; fewer only where a person asks for it. */
export const BASELINE_SAMPLES_MIN = DETECTOR_SAMPLES_MIN;

export interface WrittenBundle {
  readonly model: ModelJson;
  readonly cases: number;
  /** Samples of the baseline; undefined where there is none. */
  readonly baselineSamples: number | undefined;
}

/**
 * Writes `model.json`, a golden set, and a baseline where there are samples enough, beside an ONNX file. Without samples
 * and media the golden set's inputs are synthetic.
 */
export async function writeBundle(
  directory: string,
  session: OnnxSession,
  description: BundleDescription,
  samples: readonly SampleCase[] | undefined,
  media?: MediaGolden,
): Promise<WrittenBundle> {
  const { name, version, release, file, ...more } = description;
  const { inputs, outputs } = interfaceOf(session);
  const isSynthetic = samples === undefined && media === undefined;
  const ofTensors = isSynthetic ? syntheticSamples(inputs) : spread(samples ?? [], GOLDEN_OF_SAMPLES_MAX);
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
  const baseline =
    samples === undefined || samples.length < BASELINE_SAMPLES_MIN
      ? undefined
      : await baselineOf(model, session, samples);
  if (baseline !== undefined) await writeJson(join(directory, BASELINE_JSON), baseline);
  const described = baseline === undefined ? model : { ...model, baseline: BASELINE_JSON };
  await writeJson(join(directory, MODEL_JSON), described);
  return { model: described, cases: cases.length, baselineSamples: baseline?.samples };
}

/** 1 / the golden ratio: multiples of it lie as evenly between 0 and 1 as can be, however many there are, and never in step. */
const GOLDEN_RATIO = 0.618_033_988_749_895;

/** At most so many, in their order: neither a file that is sorted by class nor one that takes turns gives samples of one kind. */
function spread(samples: readonly SampleCase[], most: number): readonly SampleCase[] {
  if (samples.length <= most) return samples;
  const chosen = new Set<number>();
  for (let turn = 0; chosen.size < most; turn += 1) {
    chosen.add(Math.floor(((turn * GOLDEN_RATIO) % 1) * samples.length));
  }
  return samples.filter((_, at) => chosen.has(at));
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
