import type { Command } from "commander";
import pc from "picocolors";
import type { ForeignModel, Notes } from "../bundles/import/foreign-model.ts";
import { importBundle, type ImportOptions, type ImportReport } from "../bundles/import/import-bundle.ts";
import { readMlflowModel } from "../bundles/import/mlflow-model.ts";
import { readTritonModel } from "../bundles/import/triton-model.ts";
import { GOLDEN_JSON } from "../bundles/write-bundle.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { baselineLines, specText } from "./bundle-init.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { counted } from "./human.ts";
import { printOne, say } from "./output.ts";

interface Options extends OutputOptions {
  readonly name?: string;
  readonly version?: string;
  readonly samples?: string;
  readonly force?: true;
  readonly fromVersion?: string;
}

export function addBundleImport(bundle: Command): void {
  const source = bundle.command("import").description("make a bundle of a model that another tool keeps");
  const mlflow = withImport(source.command("mlflow <directory> [bundle]"))
    .description("from an MLflow model folder with the onnx flavour (MLmodel)")
    .action(importing("MLflow", (directory, notes) => readMlflowModel(directory, notes)));
  withExamples(
    mlflow,
    "ferry bundle import mlflow ./mlruns/models/iris",
    "ferry bundle import mlflow ./downloaded ./iris --name iris --version 1.2.0",
  );
  const triton = withImport(source.command("triton <directory> [bundle]"))
    .description("from a model of a Triton repository that the onnxruntime backend runs (config.pbtxt)")
    .option("--from-version <number>", "the version of the repository (default: the newest that it serves)")
    .action(
      importing("Triton", (directory, notes, { fromVersion }) =>
        readTritonModel(directory, notes, fromVersion === undefined ? {} : { fromVersion }),
      ),
    );
  withExamples(
    triton,
    "ferry bundle import triton ./model_repository/densenet",
    "ferry bundle import triton ./model_repository/densenet ./densenet --samples samples.json",
  );
}

function withImport(command: Command): Command {
  return withOutput(command)
    .option("--name <name>", "the model's name (default: the one it has there, or the nearest that is allowed)")
    .option("--version <version>", "the model's version (default: the one it has there)")
    .option(
      "--samples <file>",
      "sample inputs: a JSON list of {name, inputs: {tensor: values}}, .jsonl, .csv or .npy; golden set, and baseline from 200 on",
    )
    .option("--force", "replace a bundle that is there already");
}

type Read = (directory: string, notes: Notes, options: Options) => Promise<ForeignModel>;

function importing(tool: string, read: Read) {
  return refusalsAsErrors(async (directory: string, output: string | undefined, options: Options) => {
    const notes: Notes = { chosen: [], left: [] };
    const foreign = await read(directory, notes, options);
    const report = await importBundle(foreign, notes, importOptions(output, options));
    printOne(report, formatOf(options), () => describe(tool, report), `${report.model.name}@${report.model.version}`);
    if (report.inputs === "synthetic") {
      say(
        `${pc.yellow("note:")}  the golden set has synthetic inputs: they show that a device computes as this machine does, not that the model is right.\n` +
          "       Real ones prove more: import it again with --samples FILE --force",
      );
    }
    say(`\nNext:\n  ferry bundle test ${report.directory}\n  ferry bundle sign ${report.directory}`);
  });
}

function importOptions(output: string | undefined, { name, version, samples, force }: Options): ImportOptions {
  return {
    ...(output === undefined ? {} : { output }),
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(samples === undefined ? {} : { samples }),
    force: force === true,
  };
}

const INPUTS_TEXT = {
  samples: "from the samples",
  source: "from the inputs that came with the model",
  synthetic: "from synthetic inputs",
} as const;

function describe(
  tool: string,
  { directory, model, cases, baselineSamples, inputs, chosen, left }: ImportReport,
): string {
  return [
    `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} is imported from ${tool} into ${directory}`,
    "",
    ...model.inputs.map((spec) => `  input   ${specText(spec)}`),
    ...model.outputs.map((spec) => `  output  ${specText(spec)}`),
    `  golden  ${counted(cases, "case")} in ${GOLDEN_JSON}, ${INPUTS_TEXT[inputs]}`,
    ...baselineLines(baselineSamples),
    ...(model.labels === undefined ? [] : [`  labels  ${model.labels}`]),
    ...(model.providers === undefined ? [] : [`  runs on ${model.providers.join(", ")}, else the processor`]),
    ...(model.serving === undefined ? [] : [`  serving ${JSON.stringify(model.serving)}`]),
    ...section("Chosen", chosen),
    ...section("Not carried over", left),
  ].join("\n");
}

function section(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : ["", `${title}:`, ...sentences.map((sentence) => `  - ${sentence}`)];
}
