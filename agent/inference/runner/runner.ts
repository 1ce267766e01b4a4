import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { giveBack } from "../../../common/give-back.ts";
import { messageOf } from "../../../common/ferry-error.ts";
import type { Log } from "../../../common/log.ts";
import type { MemoryGroup, MemoryGroups } from "../../hardware/memory-groups.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { unreachable } from "../../../protocol/unreachable.ts";
import { MessageReader, sendMessage } from "./runner-channel.ts";
import {
  RunnerGone,
  startAsChild,
  type RunnerCommand,
  type RunnerProcess,
  type StartProcess,
} from "./runner-process.ts";
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

export class RunnerDeadline extends Error {
  override readonly name = "RunnerDeadline";
}

/** No edge model of use computes longer; a request has given up long before, so this only frees a hung runner. */
const INFER_MS_MAX = 30_000;
/** Ending is closing a channel; anything slower hangs in native code. */
const END_MS_MAX = 2_000;

/** `start`: as a child of this process, where nothing is said. Throws RunnerGone where the system cannot start it. */
export async function startRunner(
  command: RunnerCommand,
  log: Log,
  { groups, start }: { readonly groups?: MemoryGroups | undefined; readonly start?: StartProcess } = {},
): Promise<Runner> {
  const started = await (start ?? startAsChild)(command, log);
  const memoryGroup = groups?.take(started.pid);
  const ended = memoryGroup === undefined ? started.ended : started.ended.then((why) => memoryGroup.leave() ?? why);
  return { ...handleOn({ ...started, ended }, log), memoryGroup };
}

function handleOn({ pid, channel, ended, kill }: RunnerProcess, log: Log): Runner {
  const waiting = new Map<number, PromiseWithResolvers<readonly RequestOutcome[]>>();
  const loaded = Promise.withResolvers<LoadedModel>();
  loaded.promise.catch(() => undefined);
  let nextId = 1;
  let isGone = false;

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
  let socket: Socket | undefined;
  const connected = channel.then((opened) => {
    socket = opened;
    opened.on("data", (piece: Buffer) => {
      try {
        reader.push(piece);
        giveBack(piece);
      } catch (error) {
        log.error({ pid, error: messageOf(error) }, "a runner wrote what is no message, and is killed");
        kill();
      }
    });
    // A write that fails means that the process is ending: `ended` says so to whoever waits.
    opened.on("error", () => undefined);
  });
  const send = (message: ToRunner) => {
    if (socket?.writable === true) sendMessage(socket, message);
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
      void connected.then(() => {
        send({ kind: "load", ...load });
      });
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
      if (socket === undefined) kill();
      else send({ kind: "end" });
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
