import { spawn, type ChildProcess } from "node:child_process";
import { lowerPriority, servingPriority } from "../hardware/process-priority.ts";
import { fileURLToPath } from "node:url";
import type { Log } from "../../common/log.ts";
import { logStandardError, ownProcessEnvironment } from "../../common/own-process.ts";
import { packagedProgram } from "../../common/packaged-program.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import type { Interpretation } from "../../common/processing/results/interpret-outputs.ts";
import type { Media, PreparedMedia, PreparingModel } from "../../common/processing/prepare-media.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import { InferenceError } from "../inference/inference-error.ts";
import type { RunnerCommand } from "../inference/runner/runner-process.ts";
import type { FromProcessor, ToProcessor } from "./processor-messages.ts";

/**
 * Turns media into tensors, and large outputs into results, in a process of its own: it starts with the first picture or
 * sound, takes one after the other, and ends when it had nothing to do for IDLE_MS.
 */
export interface Processor extends AsyncDisposable {
  /** Throws ProcessingError, or InferenceError `queue-full`, `timed-out` or `unavailable`. */
  readonly prepare: (media: Media, model: PreparingModel) => Promise<PreparedMedia>;
  /** The same; also what `interpretOutputs` throws. */
  readonly interpret: (interpretation: Interpretation) => Promise<PredictionResults>;
  /** Undefined while none runs. */
  readonly pid: () => number | undefined;
}

export interface ProcessorPorts {
  readonly command?: RunnerCommand;
  readonly idleMs?: number;
  readonly workMsMax?: number;
  readonly log: Log;
}

const PROCESSOR_COMMAND: RunnerCommand = packagedProgram()?.command("processor") ?? {
  file: process.execPath,
  args: ["--disable-warning=ExperimentalWarning", fileURLToPath(new URL("processor-main.ts", import.meta.url))],
};

/** Its decoders take 60 MB, which a board may need for models; to start again takes a third of a second. */
const IDLE_MS = 60_000;
/** The largest picture that is taken is decoded in 1 s on a desktop, 5 s on a small board: what is slower is made to be. */
const WORK_MS_MAX = 15_000;
/** Pictures and sounds that wait; at 20 ms each the last one waits as long as a person does. */
const WAITING_MAX = 64;
/** All of them together: small boards have 1 GB for everything. */
const WAITING_BYTES_MAX = 128 * 1024 ** 2;
/** A process may be ended by the system, for memory; what ends it twice is the picture. */
const TRIES_MAX = 2;

interface Job {
  readonly message: ToProcessor;
  readonly bytes: number;
  readonly reply: PromiseWithResolvers<FromProcessor>;
}

export function openProcessor(ports: ProcessorPorts): Processor {
  const { command = PROCESSOR_COMMAND, idleMs = IDLE_MS, workMsMax = WORK_MS_MAX, log } = ports;
  const waiting: Job[] = [];
  let waitingBytes = 0;
  let child: ChildProcess | undefined;
  let isWorking = false;
  let isClosed = false;
  let idle: NodeJS.Timeout | undefined;

  async function ask(message: ToProcessor, bytes: number): Promise<FromProcessor> {
    if (isClosed) throw new InferenceError("unavailable", "The agent is stopping");
    if (waiting.length >= WAITING_MAX || waitingBytes + bytes > WAITING_BYTES_MAX) {
      throw new InferenceError("queue-full", "Too many pictures and sounds already wait here: try again later");
    }
    const job: Job = { message, bytes, reply: Promise.withResolvers() };
    waiting.push(job);
    waitingBytes += bytes;
    void work();
    return job.reply.promise;
  }

  async function work(): Promise<void> {
    if (isWorking) return;
    isWorking = true;
    clearTimeout(idle);
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      waitingBytes -= job.bytes;
      try {
        job.reply.resolve(await tried(job.message));
      } catch (error) {
        job.reply.reject(error);
      }
    }
    isWorking = false;
    idle = setTimeout(end, idleMs).unref();
  }

  async function tried(message: ToProcessor): Promise<FromProcessor> {
    let why = "";
    for (let attempt = 0; attempt < TRIES_MAX && !isClosed; attempt += 1) {
      child ??= start(command, log);
      const outcome = await askChild(child, message, workMsMax);
      if (outcome.kind === "replied") return outcome.reply;
      child.kill("SIGKILL");
      child = undefined;
      if (outcome.kind === "late") {
        throw new InferenceError("timed-out", `It took longer than ${workMsMax} ms to decode, and was given up`);
      }
      why = outcome.why;
      log.warn({ why }, "the process that decodes pictures and sounds ended by itself");
    }
    if (isClosed) throw new InferenceError("unavailable", "The agent is stopping");
    throw new ProcessingError(
      "bad-media",
      `The decoder ended over it ${TRIES_MAX} times (${why}): it is damaged, or made to do so`,
    );
  }

  function end(): void {
    child?.kill("SIGKILL");
    child = undefined;
  }

  return {
    prepare: async (media, model) => {
      const { inputs, preprocessing } = model;
      const message = {
        kind: "prepare" as const,
        media,
        model: preprocessing === undefined ? { inputs } : { inputs, preprocessing },
      };
      const reply = await ask(message, (media.kind === "file" ? media.bytes : media.picture.data).byteLength);
      if (reply.kind === "prepared") return reply.prepared;
      throw asError(reply);
    },
    interpret: async (interpretation) => {
      const bytes = interpretation.frames.flat().reduce((sum, output) => sum + output.bytes.byteLength, 0);
      const reply = await ask({ kind: "interpret", interpretation }, bytes);
      if (reply.kind === "interpreted") return reply.results;
      throw asError(reply);
    },
    pid: () => child?.pid,
    [Symbol.asyncDispose]: () => {
      isClosed = true;
      clearTimeout(idle);
      end();
      return Promise.resolve();
    },
  };
}

function asError(reply: FromProcessor): Error {
  if (reply.kind === "refused") return new ProcessingError(reply.why, reply.message);
  return new Error(reply.kind === "failed" ? reply.message : `the processor answered with ${reply.kind}`);
}

function start(command: RunnerCommand, log: Log): ChildProcess {
  const child = spawn(command.file, command.args, {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    env: ownProcessEnvironment(),
  });
  if (child.pid !== undefined) lowerPriority(child.pid, servingPriority());
  // Without a listener an error would end the agent; `askChild` hears of it by itself.
  child.on("error", () => undefined);
  logStandardError(child.stderr, (said) => {
    log.debug(said, "the processor wrote to standard error");
  });
  // It must not keep an agent alive that has nothing else to do.
  child.unref();
  return child;
}

type Outcome =
  | { readonly kind: "replied"; readonly reply: FromProcessor }
  | { readonly kind: "ended"; readonly why: string }
  | { readonly kind: "late" };

function askChild(child: ChildProcess, message: ToProcessor, workMsMax: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      resolve(outcome);
    };
    const onMessage = (reply: unknown) => {
      // It is our own program that speaks here.
      settle({ kind: "replied", reply: reply as FromProcessor });
    };
    const onExit = (code: number | null, signal: string | null) => {
      settle({
        kind: "ended",
        why: signal === null ? `it exited with code ${code ?? -1}` : `it was ended by ${signal}`,
      });
    };
    const onError = (error: Error) => {
      settle({ kind: "ended", why: error.message });
    };
    const timer = setTimeout(() => {
      settle({ kind: "late" });
    }, workMsMax);
    child.on("message", onMessage).once("exit", onExit).once("error", onError);
    if (!child.connected) settle({ kind: "ended", why: "it ended while it had nothing to do" });
    else
      child.send(message, (error) => {
        if (error !== null) settle({ kind: "ended", why: error.message });
      });
  });
}
