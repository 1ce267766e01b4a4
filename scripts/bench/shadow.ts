/**
 * A steady load over HTTP on digits 1.0.0, with 1.1.0 as its shadow and without it, in turns, in the agent's own engine and
 * server. Prints what callers waited in both, their ratio, and what became of the copies. Exits 1 where a request failed or
 * the shadow answered one. `--json` prints the figures alone; `--rounds N` turns of each; `--seconds S` a turn; `--rate N` a
 * second; `--short` is one short round, for a look whether it works.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { InferenceEngine, VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import { openInferenceEngine } from "../../agent/inference/open-inference-engine.ts";
import { openHttpServer } from "../../agent/serve/http-server.ts";
import { openLog } from "../../common/log.ts";
import { digitsFolder } from "../../test/support/model-folders.ts";
import { monotonicMs, type LoadAnswer } from "./swap-load.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "10" },
    rate: { type: "string", default: "200" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const rounds = options.short ? 1 : Number(options.rounds);
const turnMs = options.short ? 3_000 : Number(options.seconds) * 1_000;

/** After a runner has begun or ended: what that costs is another bench's. */
const SETTLE_MS = 1_000;
/** What callers may wait longer, at the 99th percentile, because of the shadow. */
const GOAL = 1.05;

interface Turn {
  readonly isShadowed: boolean;
  readonly fromMs: number;
  readonly toMs: number;
}

const figures = await measure();
process.stdout.write(options.json ? `${JSON.stringify(figures, undefined, 2)}\n` : table());
process.exitCode = figures.failedRequests === 0 ? 0 : 1;

async function measure() {
  const [former, next] = [digitsFolder("1.0.0"), digitsFolder("1.1.0")];
  const log = openLog("bench", "error");
  const copies = { answered: 0, failed: 0, dropped: 0, compared: 0 };
  const observer = {
    answered: () => undefined,
    failed: () => undefined,
    crashed: () => undefined,
    copied: (_slot: string, _version: string, { kind }: { readonly kind: "answered" | "failed" | "dropped" }) => {
      copies[kind] += 1;
    },
    compared: () => {
      copies.compared += 1;
    },
  };
  await using engine = openInferenceEngine({ log, observers: [observer] });
  await using http = await openHttpServer({ engine, port: 0, log });
  await activate(engine, former);
  await engine.release(former.model.name);
  const clients = fork(fileURLToPath(new URL("swap-load.ts", import.meta.url)), [http.url, options.rate], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const turns: Turn[] = [];
  await turn(turns, false);
  for (let round = 0; round < rounds; round += 1) {
    await activate(engine, next, { kind: "shadow", share: 1 });
    await turn(turns, true);
    await engine.turnBack(former.model.name);
    await turn(turns, false);
    process.stderr.write(`${round + 1} of ${rounds} rounds\n`);
  }
  const answered = once(clients, "message");
  clients.send("stop");
  const [answers] = (await answered) as [LoadAnswer[]];
  const times = (isShadowed: boolean) =>
    turns
      .filter((one) => one.isShadowed === isShadowed)
      .flatMap(({ fromMs, toMs }) => answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs))
      .map(({ tookMs }) => tookMs);
  const [alone, shadowed] = [times(false), times(true)];
  const failed = answers.filter(({ outcome }) => outcome !== former.model.version);
  return {
    machine: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, Node.js ${process.version}`,
    rounds,
    requests: answers.length,
    failedRequests: failed.length,
    firstFailure: failed[0]?.outcome,
    copies,
    p50AloneMs: quantile(alone, 0.5),
    p50ShadowedMs: quantile(shadowed, 0.5),
    p99AloneMs: quantile(alone, 0.99),
    p99ShadowedMs: quantile(shadowed, 0.99),
    p99Ratio: quantile(shadowed, 0.99) / quantile(alone, 0.99),
  };
}

async function activate(
  engine: InferenceEngine,
  bundle: VerifiedBundle,
  traffic?: { readonly kind: "shadow"; readonly share: number },
): Promise<void> {
  const qualification = await engine.qualify(bundle.model.name, bundle, new AbortController().signal, traffic);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  await engine.activate(bundle.model.name, qualification.candidate, traffic);
}

async function turn(turns: Turn[], isShadowed: boolean): Promise<void> {
  await sleep(SETTLE_MS);
  const fromMs = monotonicMs();
  await sleep(turnMs);
  turns.push({ isShadowed, fromMs, toMs: monotonicMs() });
}

function quantile(values: readonly number[], share: number): number {
  const ascending = values.toSorted((one, other) => one - other);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;
}

function table(): string {
  const { machine, requests, failedRequests, copies, p50AloneMs, p50ShadowedMs, p99AloneMs, p99ShadowedMs, p99Ratio } =
    figures;
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  return [
    machine,
    `${rounds} rounds of ${turnMs / 1_000} s each way at ${options.rate} requests a second: ${requests} requests, ${failedRequests} not answered by the former version`,
    `without a shadow  p50 ${ms(p50AloneMs)}  p99 ${ms(p99AloneMs)}`,
    `with a shadow     p50 ${ms(p50ShadowedMs)}  p99 ${ms(p99ShadowedMs)}`,
    `p99 ratio ${p99Ratio.toFixed(3)} (goal: at most ${GOAL})`,
    `copies: ${copies.answered} computed, ${copies.dropped} dropped, ${copies.failed} failed, ${copies.compared} compared`,
    "",
  ].join("\n");
}
