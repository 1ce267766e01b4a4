import { Option, type Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { OptimizationLevel } from "../../common/onnx-session.ts";
import type { QuantizationMode } from "../bundles/onnx/plan-quantization.ts";
import { passes } from "../bundles/optimize/choose-candidate.ts";
import type { CandidateFigures } from "../bundles/optimize/compare-models.ts";
import {
  NotAccurate,
  optimizeBundle,
  type OptimizeReport,
  type QuantizedReport,
} from "../bundles/optimize/optimize-bundle.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { bytes, counted, milliseconds, percent } from "./human.ts";
import { printOne, say, table, type Column } from "./output.ts";

interface Options extends OutputOptions {
  readonly level?: OptimizationLevel;
  readonly int8?: QuantizationMode | true;
  readonly version?: string;
  readonly tolerance?: number;
  readonly asVariant?: true;
  readonly force?: true;
}

export function addBundleOptimize(bundle: Command): void {
  const command = withOutput(bundle.command("optimize <directory> [bundle]"))
    .description("make a smaller or faster bundle of a bundle, and show what that costs in accuracy")
    .addOption(
      new Option(
        "--level <level>",
        "write the graph as onnxruntime rewrites it: basic (any runtime), extended (onnxruntime's own operators), all (this class of processor)",
      ).choices(["basic", "extended", "all"]),
    )
    .addOption(
      new Option(
        "--int8 [how]",
        "weights as 8-bit integers; weights: only stored so; dynamic: matrix products compute in integers (default: the faster that passes)",
      ).choices(["weights", "dynamic"]),
    )
    .option("--version <version>", "of the new bundle (default: the former one with -int8 or the level)")
    .option("--tolerance <number>", "accept this absolute difference, in the new bundle's golden set too", tolerance)
    .option(
      "--as-variant",
      "keep the file as it is, and put the result beside it: each device takes the one that is faster there",
    )
    .option("--force", "replace a bundle that is there already")
    .action(refusalsAsErrors(optimize));
  withExamples(
    command,
    "ferry bundle optimize ./digits --int8",
    "ferry bundle optimize ./ocr ./ocr-small --level extended --int8 weights --tolerance 0.02",
    "ferry bundle optimize ./ocr --int8 --as-variant --tolerance 0.02",
    "ferry bundle optimize ./ocr --level basic -o json",
  );
}

async function optimize(directory: string, output: string | undefined, options: Options): Promise<void> {
  const { level, int8, version, tolerance: absolute, asVariant, force } = options;
  const format = formatOf(options);
  const modes: readonly QuantizationMode[] = int8 === undefined ? [] : int8 === true ? ["weights", "dynamic"] : [int8];
  try {
    const report = await optimizeBundle(directory, {
      output: output ?? `${directory.replace(/\/+$/, "")}-${int8 === undefined ? String(level) : "int8"}`,
      ...(level === undefined ? {} : { level }),
      int8: modes,
      ...(version === undefined ? {} : { version }),
      ...(absolute === undefined ? {} : { tolerance: absolute }),
      ...(asVariant === undefined ? {} : { asVariant }),
      force: force === true,
    });
    printOne(report, format, () => describe(report), `${report.model.name}@${report.model.version}`);
    warnOf(options);
    say(`\nNext:\n  ferry bundle sign ${report.directory}`);
  } catch (thrown) {
    if (!(thrown instanceof NotAccurate)) throw thrown;
    const { report, failure } = thrown;
    printOne({ ...report, chosen: null }, format, () => figuresText(report, undefined), "");
    throw failure;
  }
}

function warnOf({ level }: Options): void {
  if (level === undefined || level === "basic") return;
  say(
    level === "all"
      ? `${pc.yellow("note:")}  level all lays data out for this class of processor: qualify it on each class of device, or name those in \`compatible\`.`
      : `${pc.yellow("note:")}  level extended writes operators of onnxruntime's own: other runtimes do not read them, and execution providers other than cpu may not have them.`,
  );
}

function describe(report: OptimizeReport): string {
  const { directory, model, chosen } = report;
  return `${figuresText(report, chosen)}\n\n${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} (${chosen}) is in ${directory}`;
}

type Measured = Pick<OptimizeReport, "figures" | "quantized" | "tolerance">;

function figuresText(
  { figures, quantized, tolerance: { absolute, relative } }: Measured,
  chosen: string | undefined,
): string {
  return [
    table({ rows: figures, columns: columns(chosen) }, false),
    "",
    ...quantized.map(quantizedText),
    `Differences are from the bundle as it is, over ${counted(figures[0]?.cases ?? 0, "golden case")}; tolerance ${absolute} + ${relative} × |expected|.`,
  ].join("\n");
}

function columns(chosen: string | undefined): Column<CandidateFigures>[] {
  const was = (value: number | undefined, text: (value: number) => string) => (value === undefined ? "–" : text(value));
  return [
    { title: "MODEL", text: ({ name }) => (name === chosen ? pc.bold(name) : name) },
    { title: "SIZE", text: ({ sizeBytes }) => bytes(sizeBytes), align: "right" },
    { title: "LOAD", text: ({ loadMs }) => milliseconds(loadMs), align: "right" },
    { title: "P50", text: ({ p50Ms }) => milliseconds(p50Ms), align: "right" },
    { title: "P95", text: ({ p95Ms }) => milliseconds(p95Ms), align: "right" },
    { title: "MAX DIFF", text: ({ accuracy }) => was(accuracy?.maxDifference, digits), align: "right" },
    { title: "MEAN DIFF", text: ({ accuracy }) => was(accuracy?.meanDifference, digits), align: "right" },
    { title: "TOP-1 SAME", text: ({ accuracy }) => was(accuracy?.top1Agreement, percent), align: "right" },
    {
      title: "GOLDEN SET",
      text: (figures) => {
        const text = `${figures.passedCases} of ${figures.cases}`;
        return passes(figures) ? pc.green(`✔ ${text}`) : pc.red(`✖ ${text}`);
      },
    },
  ];
}

function digits(value: number): string {
  return value === 0 ? "0" : value.toPrecision(2);
}

function quantizedText({ mode, weights, floatBytes, products, leftBytes }: QuantizedReport): string {
  const left = Object.entries(leftBytes).map(([why, size]) => `${bytes(size)} (${why})`);
  return (
    `int8 ${mode}: ${counted(weights, "weight")} of ${bytes(floatBytes)}` +
    (mode === "dynamic" ? `, ${counted(products, "matrix product")} in integers` : "") +
    (left.length === 0 ? "" : `; float32 stay ${left.join(", ")}`)
  );
}

function tolerance(text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number) && number >= 0) return number;
  throw new FerryError("usage", `--tolerance is ${JSON.stringify(text)}`, {
    hint: "Give the absolute difference that is near enough, such as 0.02.",
    exitCode: EXIT.usage,
  });
}
