import type { Command } from "commander";
import { openOnnxSession } from "../../common/onnx-session.ts";
import { EXIT } from "../../common/ferry-error.ts";
import { join } from "node:path";
import { measureLoad, type Ask, type Measurement } from "../bench/load.ts";
import type { LoadedCase } from "../../common/processing/golden-case.ts";
import { openCheckedBundle } from "../bundles/check-bundle.ts";
import { counts, FIGURE_COLUMNS } from "./bench.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { formatOf, stopSignal, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { counted } from "./human.ts";
import { printListing, say, type Column } from "./output.ts";

interface Options extends OutputOptions {
  readonly threads: readonly number[];
  readonly duration: number;
  readonly warmUp: number;
}

/** Beyond this many threads no operator of a model for devices gains. */
const THREADS_MAX = 64;

export function addBundleBench(bundle: Command): void {
  const command = withOutput(bundle.command("bench <directory>"))
    .description("how fast a bundle's model computes on this machine, one request after the other, over its golden set")
    .option("--threads <counts>", "threads within an operator, one row each", threadCounts, [1, 2])
    .option("--duration <time>", "how long each count is measured", durationMs, 5_000)
    .option("--warm-up <time>", "how long it computes before anything is measured", durationMs, 500)
    .action(refusalsAsErrors(bench));
  withExamples(
    command,
    "ferry bundle bench ./digits",
    "ferry bundle bench ./ocr --threads 1,2,4 --duration 10s -o json",
  );
}

function threadCounts(text: string): readonly number[] {
  return counts("--threads", text, THREADS_MAX);
}

interface Row extends Measurement {
  readonly threads: number;
}

async function bench(directory: string, options: Options): Promise<void> {
  const format = formatOf(options);
  const { model, session, cases } = await openCheckedBundle(directory);
  await session.release();
  const stop = stopSignal();
  const rows: Row[] = [];
  for (const threads of options.threads) {
    if (stop.aborted) break;
    say(
      `${counted(threads, "thread")} for ${options.duration / 1_000} s, ${counted(cases.length, "golden case")} in turn`,
    );
    rows.push({ threads, ...(await measured(join(directory, model.file), cases, { ...options, threads, stop })) });
  }
  printListing(
    { rows, columns: COLUMNS, name: ({ threads }) => String(threads), whenEmpty: "Stopped before the first" },
    format,
  );
  if (stop.aborted) process.exitCode = EXIT.interrupted;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "THREADS", text: ({ threads }) => String(threads), align: "right" },
  ...FIGURE_COLUMNS,
];

interface Measuring {
  readonly threads: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly stop: AbortSignal;
}

async function measured(
  file: string,
  cases: readonly LoadedCase[],
  { threads, duration, warmUp, stop }: Measuring,
): Promise<Measurement> {
  const session = await openOnnxSession(file, { intraOpThreads: threads });
  let at = 0;
  const ask: Ask = async () => {
    await session.run(cases[(at += 1) % cases.length]?.inputs ?? []);
    return { answered: true, status: "200" };
  };
  try {
    const load = { kind: "callers", callers: 1 } as const;
    await measureLoad(ask, load, { durationMs: warmUp }, stop);
    return await measureLoad(ask, load, { durationMs: duration }, stop);
  } finally {
    await session.release();
  }
}
