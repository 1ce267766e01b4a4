/**
 * What the agent's engine and server and one runner hold of memory, beside a bare Node.js and a bare process with
 * onnxruntime and the same model; the time from the start of the process to its first answer; the processor's time while
 * nobody asks. Exits 1 where a runner holds more than RUNNER_RATIO_MAX of the bare process, or idling takes more than
 * IDLE_SHARE_MAX of a processor. `--models digits,medium,large`, `--seconds S` of idling, `--json` prints the figures alone.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import { descendantsOf, runnersOf } from "../../test/support/processes.ts";
import { processCpuMs } from "./process-cpu.ts";
import { residentBytes } from "./process-memory.ts";
import { writeBenchModels, MODEL_SIZES, type BenchModel } from "./serve-models.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: MODEL_SIZES.join(",") },
    seconds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});

/** A runner may hold so much more than onnxruntime with the same model in a process of its own. */
const RUNNER_RATIO_MAX = 1.15;
/** Of one processor. */
const IDLE_SHARE_MAX = 0.01;
/** What starting up has left behind is collected. */
const SETTLE_MS = 1_000;

interface Footprint {
  readonly model: string;
  readonly nodeBytes: number;
  readonly agentBytes: number;
  readonly bareBytes: number;
  readonly runnerBytes: number;
  readonly firstAnswerMs: number;
  readonly idleShare: number;
}

const footprints = await measureAll();
const machine = `${cpus()[0]?.model ?? "unknown"}, ${String(cpus().length)} cores, Node.js ${process.version}`;
process.stdout.write(options.json ? `${JSON.stringify({ machine, footprints }, null, 2)}\n` : `${machine}\n${table()}`);
const isSlim = ({ runnerBytes, bareBytes, idleShare }: Footprint) =>
  runnerBytes <= bareBytes * RUNNER_RATIO_MAX && idleShare <= IDLE_SHARE_MAX;
process.exitCode = footprints.every(isSlim) ? 0 : 1;

async function measureAll(): Promise<Footprint[]> {
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const wanted = MODEL_SIZES.filter((size) => options.models.split(",").includes(size));
    const measured: Footprint[] = [];
    for (const model of await writeBenchModels(folder, wanted)) measured.push(await measure(model));
    return measured;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(model: BenchModel): Promise<Footprint> {
  const { bundle, inputs } = model;
  const file = join(bundle.directory, bundle.model.file);
  const { agentBytes, runnerBytes, firstAnswerMs, idleShare } = await measureAgent(model);
  const node = await held(forkModule("footprint-bare.ts", []));
  const bare = await held(forkModule("footprint-bare.ts", [JSON.stringify({ file, shape: inputs[0]?.shape ?? [] })]));
  const { name, version } = bundle.model;
  return {
    model: `${name} ${version}`,
    nodeBytes: node,
    agentBytes,
    bareBytes: bare,
    runnerBytes,
    firstAnswerMs,
    idleShare,
  };
}

async function measureAgent({ bundle, inputs }: BenchModel) {
  const values = inputs.map((tensor) => valuesFromTensor(tensor));
  const startedMs = performance.now();
  const agent = forkModule("serve-agent.ts", [JSON.stringify({ bundle, fleet: "bench", device: "device" })]);
  const [{ port }] = (await once(agent, "message")) as [{ port: number }];
  const answer = await fetch(`http://127.0.0.1:${String(port)}/v2/models/${bundle.model.name}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: inputs.map(({ bytes: _, ...tensor }, at) => ({ ...tensor, data: values[at] })) }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const firstAnswerMs = performance.now() - startedMs;
  await answer.arrayBuffer();
  await sleep(SETTLE_MS);
  const pid = agent.pid ?? 0;
  const runners = runnersOf(pid);
  // With the shells that start its runners.
  const own = [pid, ...descendantsOf(pid).filter((one) => !runners.includes(one))];
  const pids = [...own, ...runners];
  const cpuMs = () => pids.reduce((sum, each) => sum + processCpuMs(each), 0);
  const beforeMs = cpuMs();
  await sleep(Number(options.seconds) * 1_000);
  const idleShare = (cpuMs() - beforeMs) / (Number(options.seconds) * 1_000);
  const bytesOf = (held: readonly number[]) => held.reduce((sum, one) => sum + residentBytes(one).nowBytes, 0);
  const [agentBytes, runnerBytes] = [bytesOf(own), bytesOf(runners)];
  await endChild(agent);
  return { agentBytes, runnerBytes, firstAnswerMs, idleShare };
}

async function held(child: ChildProcess): Promise<number> {
  await once(child, "message");
  await sleep(SETTLE_MS);
  const { nowBytes } = residentBytes(child.pid ?? 0);
  await endChild(child);
  return nowBytes;
}

function table(): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const lines = footprints.map(({ model, nodeBytes, agentBytes, bareBytes, runnerBytes, firstAnswerMs, idleShare }) =>
    [
      model,
      `  agent   ${megabytes(agentBytes)}, bare Node.js ${megabytes(nodeBytes)}`,
      `  runner  ${megabytes(runnerBytes)}, bare onnxruntime ${megabytes(bareBytes)}: ${(runnerBytes / bareBytes).toFixed(2)}, at most ${String(RUNNER_RATIO_MAX)}`,
      `  first answer after ${firstAnswerMs.toFixed(0)} ms, the self-test included`,
      `  idle    ${(idleShare * 100).toFixed(2)} % of a processor, at most ${String(IDLE_SHARE_MAX * 100)} %`,
    ].join("\n"),
  );
  return `${lines.join("\n")}\n`;
}
