import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { giveBack } from "../../common/give-back.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { packagedProgram } from "../../common/packaged-program.ts";
import { lowerPriority, servingPriority } from "../hardware/process-priority.ts";
import type { MemoryGroup, MemoryGroups } from "../hardware/memory-groups.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { MessageReader, sendMessage } from "./runner-channel.ts";
import type { FromRunner, LoadedModel, RequestOutcome, RunnerAnswer, ToRunner } from "./runner-messages.ts";

/** The agent's handle on one runner process. */
export interface Runner {
  readonly pid: number;
  /** Resolves when the process is gone, with why; never rejects. */
  readonly ended: Promise<string>;
  /** Once. Throws ModelFailure (the file), RunnerGone (it crashed) or RunnerDeadline. */
  readonly load: (load: LoadRequest, timeoutMs: number) => Promise<LoadedModel>;
  /** Throws ModelFailure, or RunnerGone; beyond INFER_MS_MAX the process counts as hung and is killed. */
  readonly infer: (inputs: readonly Tensor[], outputs?: readonly string[]) => Promise<RunnerAnswer>;
  /**
   * Several requests at once, which the model computes together where it can: one outcome for each, in their order. Their
   * inputs can be joined (`onnx-batch.ts`). Throws RunnerGone, as `infer` does.
   */
  readonly inferAll: (
    requests: readonly (readonly Tensor[])[],
    outputs?: readonly string[],
  ) => Promise<readonly RequestOutcome[]>;
  /** Resident memory of the process; 0 when it is gone. */
  readonly residentBytes: () => number;
  /** The most memory that it has held for itself, without the programs and libraries that all runners share; 0 when it is gone. */
  readonly peakPrivateBytes: () => number;
  /** Within which the kernel keeps it; undefined where the kernel does not let the agent. */
  readonly memoryGroup?: MemoryGroup | undefined;
  /** Lets it answer what it has, then end; kills it after END_MS_MAX. */
  readonly end: () => Promise<void>;
  readonly kill: () => void;
}

export type LoadRequest = Omit<ToRunner & { kind: "load" }, "kind">;

/** How a runner is started: a packaged executable starts itself with an argument of its own. */
export interface RunnerCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * A young generation of 2 MB: a runner's tensors lie outside of it, and what is left of messages is collected early. A
 * runner of a model of pictures held 8 to 13 % less memory with it.
 */
export const RUNNER_COMMAND: RunnerCommand = packagedProgram()?.command("runner") ?? {
  file: process.execPath,
  args: [
    "--disable-warning=ExperimentalWarning",
    "--max-semi-space-size=2",
    fileURLToPath(new URL("runner-main.ts", import.meta.url)),
  ],
};

/** The model refuses: the file on loading, or the inputs on computing. */
export class ModelFailure extends Error {
  override readonly name = "ModelFailure";
  /** A code of `common/onnx-session.ts`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The process ended, by itself or killed, before it answered. */
export class RunnerGone extends Error {
  override readonly name = "RunnerGone";
}

export class RunnerDeadline extends Error {
  override readonly name = "RunnerDeadline";
}

/** No edge model of use computes longer; a request has given up long before, so this only frees a hung runner. */
const INFER_MS_MAX = 30_000;
/** Ending is closing a channel; anything slower hangs in native code. */
const END_MS_MAX = 2_000;
/** Native code that fails in a loop must not fill the disk: a runner's standard error is logged up to here. */
const STDERR_BYTES_MAX = 65_536;

/** Starts the process; it reads `load` as soon as it is up. Throws RunnerGone where the system cannot start it. */
export async function startRunner(command: RunnerCommand, log: Log, groups?: MemoryGroups): Promise<Runner> {
  // Flags meant for the agent (an inspector's port, a heap size) must not reach its runners.
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const child = spawn(command.file, command.args, {
    // The fourth is the channel: `runner-main.ts` finds it as descriptor 3.
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    env: environment,
  });
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `it exited with code ${code ?? -1}` : `it was ended by ${signal}`);
    });
    child.once("error", (error) => {
      resolve(`it could not be run: ${error.message}`);
    });
  });
  if (child.pid !== undefined) lowerPriority(child.pid, servingPriority());
  logStandardError(child, log);
  const channel = child.stdio[3];
  if (child.pid === undefined || !(channel instanceof Socket)) {
    throw new RunnerGone(`The runner process ended: ${await ended}`);
  }
  const memoryGroup = groups?.take(child.pid);
  const told = memoryGroup === undefined ? ended : ended.then((why) => memoryGroup.leave() ?? why);
  return { ...handleOn(child, channel, child.pid, told, log), memoryGroup };
}

function handleOn(child: ChildProcess, channel: Socket, pid: number, ended: Promise<string>, log: Log): Runner {
  const waiting = new Map<number, PromiseWithResolvers<readonly RequestOutcome[]>>();
  const loaded = Promise.withResolvers<LoadedModel>();
  loaded.promise.catch(() => undefined);
  let nextId = 1;
  let isGone = false;

  const kill = () => void child.kill("SIGKILL");
  const reader = new MessageReader<FromRunner>((message) => {
    switch (message.kind) {
      case "loaded":
        loaded.resolve(message);
        return;
      case "load-failed":
        loaded.reject(new ModelFailure(message.code, message.message));
        return;
      case "computed":
        waiting.get(message.id)?.resolve(message.outcomes);
        return;
      default:
        unreachable(message);
    }
  });
  void ended.then((why) => {
    isGone = true;
    const gone = new RunnerGone(`The runner process ended: ${why}`);
    loaded.reject(gone);
    for (const { reject } of waiting.values()) reject(gone);
  });
  channel.on("data", (piece: Buffer) => {
    try {
      reader.push(piece);
      giveBack(piece);
    } catch (error) {
      log.error({ pid, error: messageOf(error) }, "a runner wrote what is no message, and is killed");
      kill();
    }
  });
  // A write that fails means that the process is ending: `ended` says so to whoever waits.
  channel.on("error", () => undefined);
  const send = (message: ToRunner) => {
    if (channel.writable) sendMessage(channel, message);
  };

  async function inferAll(requests: readonly (readonly Tensor[])[], outputs?: readonly string[]) {
    if (isGone) throw new RunnerGone("The runner process has ended");
    const id = nextId++;
    const computed = Promise.withResolvers<readonly RequestOutcome[]>();
    waiting.set(id, computed);
    try {
      send({ kind: "infer", id, requests, outputs });
      return await withDeadline(computed.promise, INFER_MS_MAX, () => {
        kill();
        return new RunnerGone(`The runner process did not answer within ${INFER_MS_MAX} ms and was killed`);
      });
    } finally {
      waiting.delete(id);
    }
  }

  return {
    pid,
    ended,
    kill,
    load: async (load, timeoutMs) => {
      send({ kind: "load", ...load });
      return withDeadline(loaded.promise, timeoutMs, () => {
        kill();
        return new RunnerDeadline(`The model was not loaded within ${timeoutMs} ms`);
      });
    },
    infer: async (inputs, outputs) => {
      const [outcome] = await inferAll([inputs], outputs);
      if (outcome?.kind === "outputs") return outcome;
      throw new ModelFailure(outcome?.code ?? "internal", outcome?.message ?? "The runner gave no outcome");
    },
    inferAll,
    residentBytes: () => memoryOf(pid).VmRSS,
    peakPrivateBytes: () => {
      const { VmHWM, RssFile } = memoryOf(pid);
      return Math.max(0, VmHWM - RssFile);
    },
    end: async () => {
      send({ kind: "end" });
      await withDeadline(ended, END_MS_MAX, () => {
        kill();
        return new RunnerDeadline("");
      }).catch(() => ended);
    },
  };
}

/** Rejects with what `onDeadline` gives; never leaves a timer behind. */
async function withDeadline<T>(work: Promise<T>, timeoutMs: number, onDeadline: () => Error): Promise<T> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    deadline.reject(onDeadline());
  }, timeoutMs);
  try {
    return await Promise.race([work, deadline.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const MEMORY_FIELDS = ["VmRSS", "VmHWM", "RssFile"] as const;
type Memory = Record<(typeof MEMORY_FIELDS)[number], number>;

/**
 * In bytes, by proc_pid_status(5), which counts what the model's native memory takes; asking the process itself would wait
 * behind its work. All 0 when it is gone.
 */
function memoryOf(pid: number): Memory {
  const memory: Memory = { VmRSS: 0, VmHWM: 0, RssFile: 0 };
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    for (const field of MEMORY_FIELDS) {
      memory[field] = Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1_024;
    }
  } catch {
    // The process has ended.
  }
  return memory;
}

function logStandardError(child: ChildProcess, log: Log): void {
  let leftBytes = STDERR_BYTES_MAX;
  child.stderr?.on("data", (chunk: Buffer) => {
    if (leftBytes <= 0) return;
    const said = chunk.subarray(0, leftBytes).toString().trim();
    leftBytes -= chunk.byteLength;
    const rest = leftBytes > 0 ? {} : { rest: "what it says from here on is dropped" };
    log.warn({ pid: child.pid, said, ...rest }, "a runner wrote to standard error");
  });
}
