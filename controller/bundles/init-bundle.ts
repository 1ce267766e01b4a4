import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { openOnnxSession } from "../../common/onnx-session.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { bundleFiles } from "./bundle-source.ts";
import { findVariants } from "./find-variants.ts";
import { modelNameFrom, modelVersionFrom, releaseOf } from "./model-name.ts";
import { readSamples } from "./sample-inputs.ts";
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
  const onnxFiles = (await bundleFiles(directory)).filter((path) => /^[^/]+\.onnx$/i.test(path));
  const file = mainFile(directory, onnxFiles);
  const variants = findVariants(file, onnxFiles);
  if (!options.force) refuseToOverwrite(directory);
  const session = await openOnnxSession(join(directory, file));
  try {
    const { samples } = options;
    const { model, cases } = await writeBundle(
      directory,
      session,
      {
        name,
        version,
        release: options.release ?? releaseOf(version),
        file,
        ...(variants.length === 0 ? {} : { variants }),
        ...(existsSync(join(directory, LABELS_FILE)) ? { labels: LABELS_FILE } : {}),
      },
      samples === undefined ? undefined : await readSamples(samples, interfaceOf(session).inputs),
    );
    return { model, cases, synthetic: samples === undefined };
  } finally {
    await session.release();
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
