/**
 * A client that shares the processor with what it measures, so it does the least: it writes the same bytes again and again
 * on sockets of its own, and looks at nothing of an answer but its status and its end.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { openMqttCaller } from "../../test/support/mqtt-caller.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { LIVE_PROBE } from "./serve-requests.ts";

interface HttpPlan {
  readonly kind: "http";
  readonly port: number;
  /** In base64. */
  readonly request: string;
}

interface MqttPlan {
  readonly kind: "mqtt";
  readonly url: string;
  readonly fleet: string;
  readonly device: string;
  readonly model: string;
  readonly inputs: readonly (Omit<Tensor, "bytes"> & { readonly base64: string })[];
}

export type LoadPlan = (HttpPlan | MqttPlan) & {
  readonly clients: number;
  readonly forMs: number;
};

/** `GET /v2/health/live`, once in so many milliseconds, until it is let go. */
export interface ProbePlan {
  readonly kind: "probe";
  readonly port: number;
  readonly everyMs: number;
}

export interface LoadResult {
  readonly tookMs: number;
  /** Of each answered request, in milliseconds. */
  readonly times: readonly number[];
  readonly failed: number;
}

type Ask = () => Promise<boolean>;

/** Before it is measured. */
const WARM_UP_MS = 500;

async function load(plan: LoadPlan): Promise<LoadResult> {
  const asks = await (plan.kind === "http" ? httpClients(plan) : mqttClients(plan));
  await Promise.all(asks.map((ask) => askAgain(ask, WARM_UP_MS, [])));
  const times: number[] = [];
  const beganMs = performance.now();
  const failures = await Promise.all(asks.map((ask) => askAgain(ask, plan.forMs, times)));
  const tookMs = performance.now() - beganMs;
  return { tookMs, times, failed: failures.reduce((sum, failed) => sum + failed, 0) };
}

/** One after the other; returns how many were not answered. */
async function askAgain(ask: Ask, forMs: number, times: number[]): Promise<number> {
  let failed = 0;
  const beganMs = performance.now();
  while (performance.now() - beganMs < forMs) {
    const startedMs = performance.now();
    if (await ask()) times.push(performance.now() - startedMs);
    else failed += 1;
  }
  return failed;
}

/** Gives each of its times as soon as it has it. */
async function probe({ port, everyMs }: ProbePlan): Promise<void> {
  const ask = httpClient(port, LIVE_PROBE);
  const isWanted = () => process.connected;
  while (isWanted()) {
    const startedMs = performance.now();
    await ask();
    if (isWanted()) process.send?.(performance.now() - startedMs);
    await sleep(everyMs);
  }
  process.exit();
}

function httpClients({ port, request, clients }: HttpPlan & { readonly clients: number }): Ask[] {
  const bytes = Buffer.from(request, "base64");
  return Array.from({ length: clients }, () => httpClient(port, bytes));
}

function httpClient(port: number, request: Buffer): Ask {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const answers = readAnswers(socket);
  return () => {
    socket.write(request);
    return answers();
  };
}

/** One answer at a time: its head up to the empty line, then as many bytes as it says. */
function readAnswers(socket: Socket): Ask {
  let waiting = Promise.withResolvers<boolean>();
  let head = "";
  let leftBytes = -1;
  let isGood = false;
  const take = (chunk: Buffer) => {
    let body = chunk;
    if (leftBytes === -1) {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      isGood = head.startsWith("HTTP/1.1 200");
      leftBytes = Number(/^content-length: (\d+)/im.exec(head.slice(0, end))?.[1]);
      body = chunk.subarray(chunk.byteLength - (head.length - end - 4));
      head = "";
    }
    leftBytes -= body.byteLength;
    if (leftBytes > 0) return;
    leftBytes = -1;
    const { resolve } = waiting;
    waiting = Promise.withResolvers<boolean>();
    resolve(isGood);
  };
  socket.on("data", take);
  socket.on("error", () => {
    waiting.resolve(false);
  });
  return () => waiting.promise;
}

async function mqttClients({ url, fleet, device, model, inputs, clients }: MqttPlan & { readonly clients: number }) {
  const caller = await openMqttCaller(url, fleet, "bench-caller");
  const tensors = inputs.map(({ base64, ...tensor }) => ({ ...tensor, bytes: Buffer.from(base64, "base64") }));
  const ask: Ask = async () => (await caller.ask(device, model, tensors).catch(() => undefined))?.kind === "outputs";
  // The device may still be connecting.
  for (let tries = 0; tries < 5 && !(await ask()); tries += 1) await sleep(200);
  return Array.from({ length: clients }, () => ask);
}

process.once("message", (plan: LoadPlan | ProbePlan) => {
  if (plan.kind === "probe") void probe(plan);
  else void load(plan).then((result) => process.send?.(result, () => process.exit()));
});
