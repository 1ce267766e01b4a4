/** See HELP. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ChildProcess } from "node:child_process";
import { MODEL_SIZES, writeBenchModels, type BenchModel, type ModelSize } from "./serve-models.ts";
import { FORMS, requestOf, type Form } from "./serve-requests.ts";
import type { LoadPlan, LoadResult, ProbePlan } from "./serve-load.ts";
import { endChild, forkModule, openBroker } from "./transfer-brokers.ts";
import type { BarePlan } from "./serve-bare.ts";
import { goalsOf, table, TWO_RUNNERS, type Figures } from "./serve-figures.ts";

const HELP = `scripts/bench/serve [--models digits,medium,large] [--seconds S] [--rounds N] [--sides express,floor,ours] [--no-mqtt] [--json]

Asks one model in every way, one after the other, N times over (3), for S seconds each (4), with the same lean client:
  bare      session.run in a loop, nothing around it
  express   express and onnxruntime-node in one process, with their defaults: binary bodies, and JSON
  floor     node:http and a process for the model, with nothing else: what isolation costs at the least
  ours      the agent's engine and server: HTTP binary, HTTP JSON, MQTT through a broker
with 1 client (latency) and 16 (throughput), and prints the ratios of ours to express; a goal that the floor misses too is held
against the floor. The large model has 16 clients once more with two runners ("instances": 2 in its model.json), as somebody
would have it who has so many. While it has them, GET /v2/health/live is asked 50 times a second. Exits 1 where a request failed
or a goal is missed.`;

const { values: options } = parseArgs({
  options: {
    models: { type: "string", default: MODEL_SIZES.join(",") },
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    sides: { type: "string", default: "express,floor,ours" },
    "no-mqtt": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const FLEET = "bench";
const DEVICE = "device";
const PROBE_EVERY_MS = 20;
const SIDES = ["express", "floor", "ours"] as const;
/** A picture as JSON has a megabyte and more: nobody would send it twice. */
const JSON_SIZES: ReadonlySet<ModelSize> = new Set(["digits", "medium"]);
/** A picture in fragments of 60 kB: the broker is then what is measured. */
const MQTT_SIZES: ReadonlySet<ModelSize> = new Set(["digits", "medium"]);

async function main(): Promise<number> {
  const forMs = Number(options.seconds) * 1_000;
  const asked = options.models.split(",");
  const sizes = MODEL_SIZES.filter((size) => asked.includes(size));
  const unknown = asked.find((size) => !sizes.some((known) => known === size));
  if (unknown !== undefined) {
    process.stderr.write(`There is no model "${unknown}" here: ${MODEL_SIZES.join(", ")}\n`);
    return 2;
  }
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const models = await writeBenchModels(folder, sizes);
    const figures: Figures[] = [];
    for (let round = 1; round <= Number(options.rounds); round += 1) {
      for (const model of models) {
        process.stderr.write(`round ${String(round)} of ${options.rounds}: ${model.size}\n`);
        figures.push(...(await measure(model, forMs)));
      }
    }
    const machine = `${cpus()[0]?.model ?? "unknown"}, ${String(cpus().length)} cores, Node.js ${process.version}`;
    const goals = goalsOf(figures);
    const report = { machine, figures: figures.map(({ times: _, ...figure }) => figure), goals };
    process.stdout.write(
      options.json ? `${JSON.stringify(report, null, 2)}\n` : `${machine}\n${table(figures, goals)}`,
    );
    return figures.every(({ failed }) => failed === 0) && goals.every(({ holds }) => holds) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** In turn, so that what else the machine does meets all of them. */
async function measure(model: BenchModel, forMs: number): Promise<Figures[]> {
  const file = join(model.bundle.directory, model.bundle.model.file);
  const shape = model.inputs[0]?.shape ?? [];
  const figures: Figures[] = [];
  for (const threads of [undefined, 1]) figures.push(await bare(model.size, { file, shape, threads, forMs }));
  for (const side of SIDES.filter((one) => options.sides.split(",").includes(one))) {
    const isMqtt = side === "ours" && MQTT_SIZES.has(model.size) && !options["no-mqtt"];
    await using broker = isMqtt ? await openBroker("embedded") : undefined;
    const plan = { bundle: model.bundle, fleet: FLEET, device: DEVICE, ...(isMqtt ? { brokerUrl: broker?.url } : {}) };
    const server =
      side === "ours"
        ? forkModule("serve-agent.ts", [JSON.stringify(plan)])
        : forkModule(`serve-${side}.ts`, [JSON.stringify({ file, shape })]);
    const [{ port }] = (await once(server, "message")) as [{ port: number }];
    for (const form of FORMS.filter((one) => one.startsWith(side))) {
      if (form.endsWith("json") && !JSON_SIZES.has(model.size)) continue;
      figures.push(...(await overHttp(model, form, port, forMs)));
    }
    if (isMqtt && broker !== undefined) figures.push(...(await overMqtt(model, broker.url, forMs)));
    await endChild(server);
  }
  if (model.size === "large" && options.sides.includes("ours")) figures.push(...(await withTwoRunners(model, forMs)));
  return figures;
}

async function withTwoRunners(model: BenchModel, forMs: number): Promise<Figures[]> {
  const bundle = { ...model.bundle, model: { ...model.bundle.model, serving: { instances: 2 } } };
  const server = forkModule("serve-agent.ts", [JSON.stringify({ bundle, fleet: FLEET, device: DEVICE })]);
  const [{ port }] = (await once(server, "message")) as [{ port: number }];
  const figures = await overHttp(model, "ours-binary", port, forMs);
  await endChild(server);
  return figures.map((one) => ({ ...one, way: TWO_RUNNERS }));
}

async function bare(size: ModelSize, plan: BarePlan): Promise<Figures> {
  const child = forkModule("serve-bare.ts", [JSON.stringify(plan)]);
  const [{ times, tookMs }] = (await once(child, "message")) as [{ times: number[]; tookMs: number }];
  const way = plan.threads === undefined ? "bare" : "bare, 1 thread";
  return { size, way, clients: 1, tookMs, times, failed: 0, probeTimes: [] };
}

async function overHttp(model: BenchModel, form: Form, port: number, forMs: number): Promise<Figures[]> {
  const request = requestOf(model, form).toString("base64");
  const plan = { kind: "http", port, request, forMs } as const;
  const way = form.replace("-", " ");
  const alone = { size: model.size, way, clients: 1, ...(await load({ ...plan, clients: 1 })), probeTimes: [] };
  const probing = model.size === "large" ? startProbe(port) : undefined;
  const together = await load({ ...plan, clients: 16 });
  return [alone, { size: model.size, way, clients: 16, ...together, probeTimes: (await probing?.end()) ?? [] }];
}

/** In a process of its own: the client of the load has its own work to do. */
function startProbe(port: number) {
  const child = forkModule("serve-load.ts", []);
  child.send({ kind: "probe", port, everyMs: PROBE_EVERY_MS } satisfies ProbePlan);
  const times: number[] = [];
  child.on("message", (ms: number) => times.push(ms));
  const end = async () => {
    await endChild(child);
    return times;
  };
  return { end };
}

async function overMqtt({ size, bundle, inputs }: BenchModel, url: string, forMs: number): Promise<Figures[]> {
  const tensors = inputs.map(({ bytes, ...tensor }) => ({ ...tensor, base64: Buffer.from(bytes).toString("base64") }));
  const model = bundle.model.name;
  const plan = { kind: "mqtt", url, fleet: FLEET, device: DEVICE, model, inputs: tensors, forMs } as const;
  return [
    { size, way: "ours mqtt", clients: 1, ...(await load({ ...plan, clients: 1 })), probeTimes: [] },
    { size, way: "ours mqtt", clients: 16, ...(await load({ ...plan, clients: 16 })), probeTimes: [] },
  ];
}

async function load(plan: LoadPlan): Promise<LoadResult> {
  const child: ChildProcess = forkModule("serve-load.ts", []);
  child.send(plan);
  const [result] = (await once(child, "message")) as [LoadResult];
  return result;
}

if (options.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
