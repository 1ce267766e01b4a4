/**
 * The program of a runner: one process, one model. It loads the model that the agent names, answers one request after
 * the other, and exits when it is told to or when the agent is gone. A crash in native code takes nothing else with it.
 */
import { writeFileSync } from "node:fs";
import { FerryError, messageOf } from "../../../common/ferry-error.ts";
import { giveBack } from "../../../common/give-back.ts";
import { openOnnxSession, type OnnxSession } from "../../../common/onnx-session.ts";
import { computeRequests } from "./compute-requests.ts";
import { openRunnerEnd, sendMessage } from "./runner-channel.ts";
import type { FromRunner, RequestOutcome, ToRunner } from "./runner-messages.ts";

/**
 * Of the range to 1,000 of proc_pid_oom_score_adj(5): where the system has no memory left, it ends a runner, which is
 * started again, and not the agent.
 */
const OOM_SCORE_ADJUSTMENT = 500;

let session: OnnxSession | undefined;
let ranges: (ToRunner & { kind: "load" })["ranges"] = {};
/** Messages are dealt with strictly in order: `end` comes after the answers to all that was asked before it. */
let last: Promise<void> = Promise.resolve();

const channel = openRunnerEnd((message) => {
  last = last.then(() => handle(message));
});
channel.on("close", () => {
  process.exit();
});
// Ctrl-C reaches the whole process group, and systemd signals every process of a service: only the agent decides when
// a runner ends, because it first lets what is in flight be answered.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
offerToOomKiller();

function offerToOomKiller(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", String(OOM_SCORE_ADJUSTMENT));
  } catch {
    // A system without /proc, or a sandbox that keeps it read-only: all processes are then alike.
  }
}

async function handle(message: ToRunner): Promise<void> {
  switch (message.kind) {
    case "load":
      await load(message);
      return;
    case "infer":
      await infer(message);
      return;
    case "end":
      channel.end(() => {
        process.exit();
      });
  }
}

async function load({ file, ranges: declared, ...options }: ToRunner & { kind: "load" }): Promise<void> {
  const startedMs = performance.now();
  try {
    ranges = declared;
    session = await openOnnxSession(file, options);
    const { knownProviders, ignoredOptions, inputs, outputs } = session;
    const loadMs = performance.now() - startedMs;
    await say({ kind: "loaded", knownProviders, ignoredOptions, inputs, outputs, loadMs });
  } catch (error) {
    await say({ kind: "load-failed", ...inWords(error) });
  }
}

async function infer({ id, ...asked }: ToRunner & { kind: "infer" }): Promise<void> {
  const outcomes: readonly RequestOutcome[] =
    session === undefined
      ? asked.requests.map(() => ({ kind: "refused", code: "onnx-load", message: "No model is loaded" }))
      : await computeRequests({ session, ranges }, asked);
  await say({ kind: "computed", id, outcomes });
  // All tensors of a message share its memory.
  for (const { bytes } of asked.requests[0] ?? []) giveBack(new Uint8Array(bytes.buffer));
  const outputs = outcomes.flatMap((outcome) => (outcome.kind === "outputs" ? outcome.outputs : []));
  for (const { bytes } of outputs) giveBack(bytes);
}

function inWords(error: unknown): { code: string; message: string } {
  return { code: error instanceof FerryError ? error.code : "internal", message: messageOf(error) };
}

/** Resolves when the channel has taken the message; an agent that is gone is dealt with by `close`. */
function say(message: FromRunner): Promise<void> {
  return new Promise((resolve) => {
    if (channel.writable) sendMessage(channel, message, resolve);
    else resolve();
  });
}
