/** Golden cases of pictures and sounds: what the model makes of them here is what it must make of them on a device. */
import { readFile } from "node:fs/promises";
import { basename, relative, resolve, sep } from "node:path";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { OnnxSession } from "../../common/onnx-session.ts";
import { readWav } from "../../common/processing/decode/read-wav.ts";
import { loadGoldenCase, type LoadedCase } from "../../common/processing/golden-case.ts";
import { mediaOf } from "../../common/processing/media-of.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import type { ExpectedResults, MediaCase } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput, SOUND_SECONDS_MAX, type Preprocessing } from "../../protocol/bundle/preprocessing.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import type { TensorSpec } from "../../protocol/tensor.ts";
import { answerCase } from "./answer-case.ts";
import { GOLDEN_FOLDER, goldenTensor } from "./golden-writer.ts";
import { prepareHere } from "./prepare-here.ts";
import { proposeClasses, proposePicture, proposeSounds } from "./propose-processing.ts";

export interface MediaFile {
  readonly name: string;
  /** In the bundle. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

type Processing = Pick<ModelJson, "preprocessing" | "postprocessing" | "parameters">;

interface Interface {
  readonly inputs: TensorSpec[];
  readonly outputs: TensorSpec[];
}

type Given = Interface & Processing & { readonly labels: readonly string[] };

export interface MediaGolden {
  readonly cases: readonly MediaCase[];
  /** As they are computed: what tells how many fit a batch. */
  readonly loaded: readonly LoadedCase[];
  /** By path in the bundle, the media among them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly processing: Processing;
}

/** A file that lies in the bundle stays where it is; others get a copy under `golden/`. Throws FerryError `not-found`. */
export async function readMediaFiles(directory: string, paths: readonly string[]): Promise<MediaFile[]> {
  const files: MediaFile[] = [];
  for (const path of paths) {
    const bytes = await readFile(path).catch((cause: unknown) => {
      if (systemCodeOf(cause) !== "ENOENT") throw cause;
      throw new FerryError("not-found", `There is no file ${path}`, {
        hint: "Give a JPEG, PNG, WAV or .npy file with --media.",
        exitCode: EXIT.notFound,
        cause,
      });
    });
    const inside = relative(resolve(directory), resolve(path)).split(sep);
    const isInside = inside[0] !== ".." && inside[0] !== "";
    files.push({
      name: basename(path),
      path: isInside ? inside.join("/") : `${GOLDEN_FOLDER}/${basename(path)}`,
      bytes,
    });
  }
  const twin = files.find(({ path }, at) => files.findIndex((other) => other.path === path) !== at);
  if (twin === undefined) return files;
  throw new FerryError("usage", `Two of the files are called ${twin.name}`, {
    hint: "Give each a name of its own.",
    exitCode: EXIT.usage,
  });
}

/** With the processing that the bundle has, or else a proposal. Throws FerryError `bad-samples` where a file fits no input. */
export async function makeMediaGolden(
  session: OnnxSession,
  files: readonly MediaFile[],
  given: Given,
): Promise<MediaGolden> {
  const { preprocessing } = given;
  if (preprocessing !== undefined && mediaInput(preprocessing) !== undefined) {
    return goldenWith(session, files, { ...given, preprocessing });
  }
  let failure: unknown;
  for (const proposal of proposed(given, files)) {
    try {
      return await goldenWith(session, files, { ...given, preprocessing: proposal });
    } catch (thrown) {
      if (!(thrown instanceof FerryError) || thrown.code !== "onnx-run") throw thrown;
      failure ??= thrown;
    }
  }
  throw cannotGuess(`The model does not compute what its inputs look like: ${messageOf(failure)}`, failure);
}

async function goldenWith(
  session: OnnxSession,
  files: readonly MediaFile[],
  { inputs, outputs, labels, parameters, preprocessing, ...given }: Given & { readonly preprocessing: Preprocessing },
): Promise<MediaGolden> {
  const model = { inputs, outputs, preprocessing };
  const written = new Map<string, Uint8Array>();
  const cases: MediaCase[] = [];
  const loaded: LoadedCase[] = [];
  let { postprocessing } = given;
  for (const [at, { name, path, bytes }] of files.entries()) {
    try {
      const ports = { read: () => Promise.resolve(bytes), prepare: prepareHere };
      const golden = await loadGoldenCase({ name, media: path }, model, ports);
      const { outputs: answer } = await answerCase(session, { model, labels }, golden);
      postprocessing ??= proposeClasses(answer, labels.length);
      written.set(path, bytes);
      loaded.push(golden);
      if (postprocessing === undefined) {
        const expected = answer.map((tensor, index) =>
          goldenTensor(tensor, `${GOLDEN_FOLDER}/media-${at + 1}-out-${index + 1}.bin`, written),
        );
        cases.push({ name, media: path, outputs: expected });
        continue;
      }
      const answering = { ...model, postprocessing, ...(parameters === undefined ? {} : { parameters }) };
      const { results } = await answerCase(session, { model: answering, labels }, golden);
      cases.push({ name, media: path, results: expectedOf(results) });
    } catch (thrown) {
      if (!(thrown instanceof ProcessingError)) throw thrown;
      throw new FerryError("bad-samples", `Cannot use ${name}: ${thrown.message}`, {
        hint: "Give pictures or sounds that a client would send, or correct what model.json says of them.",
        cause: thrown,
      });
    }
  }
  const processing = {
    preprocessing,
    ...(postprocessing === undefined ? {} : { postprocessing }),
    ...(parameters === undefined ? {} : { parameters }),
  };
  return { cases, loaded, files: written, processing };
}

/** Throws FerryError `bad-samples` where nothing can be proposed. */
function proposed({ inputs, outputs }: Interface, [first]: readonly MediaFile[]): Preprocessing[] {
  const kind = first === undefined ? undefined : kindOf(first);
  const isSound = kind?.kind === "sound";
  const picture = isSound ? undefined : proposePicture({ inputs, outputs });
  const proposals = isSound
    ? proposeSounds({ inputs, outputs }, kind.sampleRate)
    : picture === undefined
      ? []
      : [picture];
  if (proposals.length > 0) return proposals;
  const specs = inputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join("; ");
  throw cannotGuess(
    `No input of the model looks like ${isSound ? "a sound" : "a picture"} with all else known: ${specs}`,
  );
}

function cannotGuess(why: string, cause?: unknown): FerryError {
  return new FerryError("bad-samples", why, {
    hint: "Run it with --samples, or with neither, for a model.json; describe preprocessing there; then again with --force --media.",
    cause,
  });
}

function kindOf({ name, bytes }: MediaFile): { kind: "picture" } | { kind: "sound"; sampleRate: number } {
  const media = mediaOf(bytes, { inputs: [] });
  if (media?.kind !== "file") return { kind: "picture" };
  try {
    return { kind: "sound", sampleRate: readWav(media.bytes, SOUND_SECONDS_MAX).sampleRate };
  } catch (thrown) {
    if (!(thrown instanceof ProcessingError)) throw thrown;
    if (name.toLowerCase().endsWith(".wav")) {
      throw new FerryError("bad-samples", `Cannot use ${name}: ${thrown.message}`, { cause: thrown });
    }
    return { kind: "picture" };
  }
}

/** Of many classes those that say something: the tail of a thousand is noise. */
const CLASSES_MAX = 3;
const SCORE_MIN = 0.01;

function expectedOf({ top, boxes, segments, text }: PredictionResults): ExpectedResults {
  const best = top?.filter(({ score }, at) => at === 0 || score >= SCORE_MIN).slice(0, CLASSES_MAX);
  return {
    ...(best === undefined ? {} : { top: best.map(({ label, score }) => ({ label, score })) }),
    ...(boxes === undefined ? {} : { boxes: boxes.map(({ index: _, ...box }) => box) }),
    ...(segments === undefined ? {} : { segments }),
    ...(text === undefined ? {} : { text }),
  };
}
