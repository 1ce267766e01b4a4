import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { openOnnxSession } from "../../common/onnx-session.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import type { MediaCase } from "../../protocol/bundle/golden.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../protocol/bundle/preprocessing.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { bundleFiles } from "./bundle-source.ts";
import { findVariants } from "./find-variants.ts";
import { makeMediaGolden, readMediaFiles } from "./media-golden.ts";
import { modelNameFrom, modelVersionFrom, releaseOf } from "./model-name.ts";
import { proposePicture } from "./propose-processing.ts";
import { readBaselineSamples } from "./baseline-samples.ts";
import { GOLDEN_JSON, interfaceOf, writeBundle } from "./write-bundle.ts";

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
  /** Pictures and sounds for the golden set; from them, preprocessing is proposed where the bundle has none. */
  readonly media?: readonly string[];
  /** Replaces a `model.json` and a golden set that are there already. */
  readonly force: boolean;
}

interface InitReport {
  readonly model: ModelJson;
  readonly cases: number;
  /** Samples of which a baseline was made; undefined where there were too few. */
  readonly baselineSamples: number | undefined;
  /** True where no samples were given: such a golden set shows that machines compute alike, not that the model is right. */
  readonly synthetic: boolean;
  /** What the model makes of each picture and sound. */
  readonly media: readonly MediaCase[];
  /** No media were given, but an input has the shape of a picture. */
  readonly looksLikePicture: boolean;
}

/**
 * Makes a bundle of a directory with an ONNX file: reads its interface, writes `model.json` and a golden set. With
 * `force`, preprocessing, postprocessing and parameters of a `model.json` that is there are kept, and what it says of variants.
 */
export async function initBundle(directory: string, options: InitOptions): Promise<InitReport> {
  const name = modelNameFrom(options.name ?? basename(resolve(directory)));
  const version = modelVersionFrom(options.version);
  const onnxFiles = (await bundleFiles(directory)).filter((path) => /^[^/]+\.onnx$/i.test(path));
  const file = mainFile(directory, onnxFiles);
  if (!options.force) refuseToOverwrite(directory);
  const former = await formerModel(directory);
  const kept = processingOf(former);
  const variants = findVariants(file, onnxFiles).map(
    (found) => former?.variants?.find((one) => one.file === found.file) ?? found,
  );
  const files = await readMediaFiles(directory, options.media ?? []);
  const session = await openOnnxSession(join(directory, file));
  try {
    const { samples } = options;
    const real = interfaceOf(session);
    const labels = existsSync(join(directory, LABELS_FILE)) ? { labels: LABELS_FILE } : {};
    const known = { ...real, ...kept, labels: await readLabels({ directory, model: labels }) };
    const media = files.length === 0 ? undefined : await makeMediaGolden(session, files, known);
    const { model, cases, baselineSamples } = await writeBundle(
      directory,
      session,
      {
        name,
        version,
        release: options.release ?? releaseOf(version),
        file,
        ...(variants.length === 0 ? {} : { variants }),
        ...labels,
        ...kept,
      },
      samples === undefined ? undefined : await readBaselineSamples(samples, real.inputs),
      media,
    );
    return {
      model,
      cases,
      baselineSamples,
      synthetic: samples === undefined && media === undefined,
      media: media?.cases ?? [],
      looksLikePicture: mediaInput(model.preprocessing) === undefined && proposePicture(real) !== undefined,
    };
  } finally {
    await session.release();
  }
}

/** What a person has written about pictures, sounds and answers is no guess of ours, and stays. */
function processingOf(former: Partial<ModelJson> = {}) {
  const { preprocessing, postprocessing, parameters } = former;
  return {
    ...(preprocessing === undefined ? {} : { preprocessing }),
    ...(postprocessing === undefined ? {} : { postprocessing }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

async function formerModel(directory: string): Promise<ModelJson | undefined> {
  const bytes = await readFile(join(directory, MODEL_JSON)).catch((thrown: unknown) => {
    if (systemCodeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  });
  if (bytes === undefined) return undefined;
  try {
    return parseModelJson(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new FerryError("bad-bundle", `${directory}/${MODEL_JSON} cannot be read: ${cause.message}`, {
      hint: "Correct it, so that what it says of pictures, answers and variants is kept; or delete it.",
      cause,
    });
  }
}

/** `model.onnx`, or the only `.onnx` file at the top of the directory, or the one of which all others are variants. */
function mainFile(directory: string, found: readonly string[]): string {
  const [only, another] = found;
  if (found.includes("model.onnx")) return "model.onnx";
  if (only === undefined) {
    throw new FerryError("no-model", `${directory} holds no ONNX file`, {
      hint: "Put the model there as model.onnx. Other frameworks export ONNX: torch.onnx.export, tf2onnx, skl2onnx.",
      exitCode: EXIT.notFound,
    });
  }
  if (another !== undefined) {
    const main = found.find((file) => findVariants(file, found).length === found.length - 1);
    if (main !== undefined) return main;
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
