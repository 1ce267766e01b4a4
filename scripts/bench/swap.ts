/**
 * 200 swaps between digits 1.0.0 and 1.1.0 under a steady load over HTTP, in the agent's own engine and server. Prints
 * failed requests, resident memory of agent and runners, and what a swap costs the requests around it. Exits 1 where a
 * request failed, memory grew by more than 5 %, or the slowest requests during swaps took more than twice those between. `--json` prints the figures alone; `--swaps N`; `--rate N` a second.
 */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { InferenceEngine, VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import { openInferenceEngine } from "../../agent/inference/open-inference-engine.ts";
import { openHttpServer } from "../../agent/serve/http-server.ts";
import { openLog } from "../../common/log.ts";
import { digitsFolder } from "../../test/support/model-folders.ts";
import { startSwapLoad } from "./start-swap-load.ts";
import { monotonicMs, type LoadAnswer } from "./swap-load.ts";

const { values: options } = parseArgs({
  options: {
    swaps: { type: "string", default: "200" },
    rate: { type: "string", default: "200" },
    json: { type: "boolean", default: false },
  },
});
const swaps = Number(options.swaps);
const perSecond = Number(options.rate);

/** Memory before this swap is still growing into its steady size. */
const SETTLED_AFTER = Math.min(20, Math.ceil(swaps / 2));
/** How often memory is told on the way, so that one sees whether it grows steadily or has settled. */
const TOLD_TIMES = 10;
/** After each swap, so that there is a time between them to compare with. */
const REST_MS = 250;
/** The slowest requests of the swaps may take so many times what the slowest between them take. */
const P99_RATIO_MAX = 2;
/** Memory may grow by this share from the settled state to the end. */
const GROWTH_MAX = 0.05;

/** What waited while memory was measured waited for the collector of this benchmark; so long after it too. */
const MEASURED_REST_MS = 100;

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Memory {
  readonly agentBytes: number;
  readonly runnersBytes: number;
}

const figures = await measure();
process.stdout.write(options.json ? `${JSON.stringify(figures, undefined, 2)}\n` : table());
const holds = figures.failedRequests === 0 && figures.growthRatio <= GROWTH_MAX && figures.p99Ratio <= P99_RATIO_MAX;
process.exitCode = holds ? 0 : 1;

async function measure() {
  const versions = [digitsFolder("1.1.0"), digitsFolder("1.0.0")] as const;
  const log = openLog("bench", "error");
  await using engine = openInferenceEngine({ log });
  await using http = await openHttpServer({ engine, port: 0, log });
  await swapTo(engine, versions[1]);
  const load = startSwapLoad(http.url, perSecond);
  const done: Span[] = [];
  const measuring: Span[] = [];
  const measureMemory = async (): Promise<Memory> => {
    const fromMs = monotonicMs();
    const memory = memoryOf(engine);
    await sleep(MEASURED_REST_MS);
    measuring.push({ fromMs, toMs: monotonicMs() });
    return memory;
  };
  let settled = await measureMemory();
  const onTheWay: Memory[] = [];
  for (let at = 1; at <= swaps; at += 1) {
    done.push(await swapTo(engine, versions[(at - 1) % 2] ?? versions[0]));
    await sleep(REST_MS);
    if (at === SETTLED_AFTER) settled = await measureMemory();
    if (at % Math.ceil(swaps / TOLD_TIMES) === 0) onTheWay.push(await measureMemory());
    if (at % 20 === 0) process.stderr.write(`${String(at)} of ${String(swaps)} swaps\n`);
  }
  const end = await measureMemory();
  const answers = await load.stop();

  const timed = answers.filter((answer) => !isWithin(measuring, answer));
  const during = timed.filter((answer) => isWithin(done, answer)).map(({ tookMs }) => tookMs);
  const between = timed.filter((answer) => !isWithin(done, answer)).map(({ tookMs }) => tookMs);
  const known = new Set<string>(versions.map(({ model }) => model.version));
  const failed = answers.filter(({ outcome }) => !known.has(outcome));
  return {
    machine: `${cpus()[0]?.model ?? "unknown"}, ${String(cpus().length)} cores, Node.js ${process.version}`,
    swaps: done.length,
    requests: answers.length,
    failedRequests: failed.length,
    firstFailure: failed[0]?.outcome,
    settled,
    onTheWay,
    end,
    growthRatio: totalBytes(end) / totalBytes(settled) - 1,
    swapMedianMs: quantile(
      done.map(({ fromMs, toMs }) => toMs - fromMs),
      0.5,
    ),
    p50BetweenMs: quantile(between, 0.5),
    p50DuringMs: quantile(during, 0.5),
    p99BetweenMs: quantile(between, 0.99),
    p99DuringMs: quantile(during, 0.99),
    p99Ratio: quantile(during, 0.99) / quantile(between, 0.99),
  };
}

/** In part at least. */
function isWithin(spans: readonly Span[], { atMs, tookMs }: LoadAnswer): boolean {
  return spans.some(({ fromMs, toMs }) => atMs + tookMs >= fromMs && atMs <= toMs);
}

async function swapTo(engine: InferenceEngine, bundle: VerifiedBundle): Promise<Span> {
  const fromMs = monotonicMs();
  const qualification = await engine.qualify(bundle.model.name, bundle, new AbortController().signal);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  await engine.activate(bundle.model.name, qualification.candidate);
  await engine.release(bundle.model.name);
  return { fromMs, toMs: monotonicMs() };
}

/** Without what only waits to be collected. */
function memoryOf(engine: InferenceEngine): Memory {
  globalThis.gc?.();
  const runnersBytes = engine.gauges().reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  return { agentBytes: process.memoryUsage.rss(), runnersBytes };
}

function totalBytes({ agentBytes, runnersBytes }: Memory): number {
  return agentBytes + runnersBytes;
}

function quantile(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0;
}

function table(): string {
  const { settled, end } = figures;
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const megabytes = (memory: Memory) => `${(totalBytes(memory) / 1e6).toFixed(1)} MB`;
  const shares = ({ agentBytes, runnersBytes }: Memory) =>
    `agent ${(agentBytes / 1e6).toFixed(1)}, runner ${(runnersBytes / 1e6).toFixed(1)}`;
  const growth = `${(figures.growthRatio * 100).toFixed(1)} %; at most +${String(GROWTH_MAX * 100)} %`;
  const rows: [string, string, string][] = [
    ["swaps", String(figures.swaps), `${ms(figures.swapMedianMs)} each, with the self-test`],
    ["requests", String(figures.requests), `${String(perSecond)} a second over HTTP`],
    ["failed requests", String(figures.failedRequests), figures.firstFailure ?? "must be 0"],
    [`memory after ${String(SETTLED_AFTER)} swaps`, megabytes(settled), shares(settled)],
    ["memory at the end", megabytes(end), `${shares(end)}: ${growth}`],
    ["memory on the way", "", figures.onTheWay.map((memory) => (totalBytes(memory) / 1e6).toFixed(1)).join(" ")],
    ["p50 between swaps", ms(figures.p50BetweenMs), ""],
    ["p50 during swaps", ms(figures.p50DuringMs), ""],
    ["p99 between swaps", ms(figures.p99BetweenMs), ""],
    [
      "p99 during swaps",
      ms(figures.p99DuringMs),
      `${figures.p99Ratio.toFixed(2)} times that between; at most ${String(P99_RATIO_MAX)}`,
    ],
  ];
  const lines = rows.map(([what, figure, remark]) => `${what.padEnd(22)} ${figure.padStart(12)}   ${remark}`.trimEnd());
  return `${figures.machine}\n${lines.join("\n")}\n`;
}
