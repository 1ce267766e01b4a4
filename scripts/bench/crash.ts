/**
 * Kills the runner of a model with SIGKILL every second for a minute, where one is ready, under a steady load over HTTP, in the agent's own
 * engine and server. Prints what failed, how often a runner came back and how long that took. Exits 1 where a request
 * failed. `--seconds S`, `--rate N` a second, `--instances N`, `--json` prints the figures alone.
 */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openInferenceEngine } from "../../agent/inference/open-inference-engine.ts";
import { openHttpServer } from "../../agent/serve/http-server.ts";
import { openLog } from "../../common/log.ts";
import { runnerPids } from "../../test/support/engine-bench.ts";
import { digitsFolder } from "../../test/support/model-folders.ts";
import { startSwapLoad } from "./start-swap-load.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    rate: { type: "string", default: "100" },
    instances: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

const EVERY_MS = 1_000;
/** What the last kill interrupted is answered within it. */
const REST_MS = 2_000;

const figures = await measure();
process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : table());
process.exitCode = figures.failedRequests === 0 ? 0 : 1;

async function measure() {
  const log = openLog("bench-crash", "silent");
  const digits = digitsFolder("1.0.0");
  const model = { ...digits.model, serving: { ...digits.model.serving, instances: Number(options.instances) } };
  await using engine = openInferenceEngine({ log });
  await using http = await openHttpServer({ engine, port: 0, log });
  const qualification = await engine.qualify(model.name, { ...digits, model }, new AbortController().signal);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  await engine.activate(model.name, qualification.candidate);
  const load = startSwapLoad(http.url, Number(options.rate));
  await sleep(EVERY_MS);
  let kills = 0;
  for (let second = 0; second < Number(options.seconds); second += 1) {
    // One that is still loading answers nothing yet: its end would show nothing.
    const [pid] = engine.slots()[0]?.ready === true ? runnerPids() : [];
    if (pid !== undefined) {
      process.kill(pid, "SIGKILL");
      kills += 1;
    }
    await sleep(EVERY_MS);
  }
  await sleep(REST_MS);
  const restarts = engine.gauges().reduce((sum, gauge) => sum + gauge.restarts, 0);
  const answers = await load.stop();
  const failed = answers.filter(({ outcome }) => outcome !== model.version);
  const times = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    machine: `${cpus()[0]?.model ?? "unknown"}, ${String(cpus().length)} cores, Node.js ${process.version}`,
    kills,
    restarts,
    requests: answers.length,
    failedRequests: failed.length,
    firstFailure: failed[0]?.outcome,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    slowestMs: quantile(1),
  };
}

function table(): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const rows: [string, string, string][] = [
    ["kills", String(figures.kills), `${String(figures.restarts)} runners came back`],
    ["requests", String(figures.requests), `${options.rate} a second over HTTP`],
    ["failed requests", String(figures.failedRequests), figures.firstFailure ?? "must be 0"],
    ["p50", ms(figures.p50Ms), ""],
    ["p99", ms(figures.p99Ms), "a request that a kill interrupts waits for the next runner"],
    ["slowest", ms(figures.slowestMs), ""],
  ];
  const lines = rows.map(([what, figure, remark]) => `${what.padEnd(16)} ${figure.padStart(10)}   ${remark}`.trimEnd());
  return `${figures.machine}\n${lines.join("\n")}\n`;
}
