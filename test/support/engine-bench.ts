/** The engine with real runner processes, for tests of what it does around them. */
import { systemClock, type Clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import type {
  Candidate,
  InferenceEngine,
  InferResponse,
  LostVersion,
  VerifiedBundle,
} from "../../agent/inference/inference-engine.ts";
import { InferenceError } from "../../agent/inference/inference-error.ts";
import { openInferenceEngine, type InferenceEngineOptions } from "../../agent/inference/open-inference-engine.ts";
import { RUNNER_COMMAND, type RunnerCommand } from "../../agent/inference/runner/runner-process.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { runnersOf } from "./processes.ts";
import { until } from "./until.ts";

export const never = new AbortController().signal;

export function openEngine(options: Partial<InferenceEngineOptions> = {}): InferenceEngine {
  return openInferenceEngine({ log: openLog("test", "silent"), intraOpThreads: 1, ...options });
}

/** Throws what it is refused for. */
export async function qualified(engine: InferenceEngine, bundle: VerifiedBundle): Promise<Candidate> {
  const qualification = await engine.qualify(bundle.model.name, bundle, never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  return qualification.candidate;
}

/** Qualifies and activates; the version before it stands by. */
export async function turnOver(engine: InferenceEngine, bundle: VerifiedBundle): Promise<void> {
  await engine.activate(bundle.model.name, await qualified(engine, bundle));
}

/** Qualifies, activates and commits. */
export async function serve(engine: InferenceEngine, bundle: VerifiedBundle): Promise<void> {
  await turnOver(engine, bundle);
  await engine.release(bundle.model.name);
}

export function ask(engine: InferenceEngine, { model }: VerifiedBundle, inputs: readonly Tensor[], timeoutMs = 20_000) {
  return engine.infer({ slot: model.name, inputs, timeoutMs });
}

export function numbers(response: InferResponse, output = 0): number[] {
  return [...new Float32Array(new Uint8Array(response.outputs[output]?.bytes ?? []).buffer)];
}

export async function failureOf(answer: Promise<unknown>): Promise<InferenceError> {
  const error: unknown = await answer.catch((thrown: unknown) => thrown);
  if (error instanceof InferenceError) return error;
  throw new Error("the request did not fail as requests do", { cause: error });
}

/** The runners of this process, the oldest first. */
export function runnerPids(): number[] {
  return runnersOf(process.pid);
}

/** To the runner at this place among `runnerPids`. */
export function signalRunner(at: number, signal: NodeJS.Signals): void {
  const pid = runnerPids()[at];
  if (pid === undefined) throw new Error(`there is no runner number ${String(at)}`);
  process.kill(pid, signal);
}

/** Kills the runner of the only version, once it is ready, and waits until the engine has seen it. */
export async function killReadyRunner(engine: InferenceEngine): Promise<void> {
  const pid = await until("a runner is ready", () => engine.slots()[0]?.ready === true && runnerPids()[0]);
  process.kill(pid, "SIGKILL");
  await until("its end is seen", () => engine.slots()[0]?.ready === false || runnerPids()[0] !== pid);
}

/** Asks without pause from several callers at once; `stop` gives every answer and every failure. */
export function startLoad(engine: InferenceEngine, bundle: VerifiedBundle, inputs: readonly Tensor[], callers = 4) {
  const versions: string[] = [];
  const failures: string[] = [];
  let isStopping = false;
  const calling = Array.from({ length: callers }, async () => {
    while (!isStopping) {
      try {
        versions.push((await ask(engine, bundle, inputs)).version);
      } catch (error) {
        failures.push(String(error));
      }
    }
  });
  return {
    versions,
    failures,
    stop: async () => {
      isStopping = true;
      await Promise.all(calling);
      return { versions, failures };
    },
  };
}

/** Waits of minutes pass in a moment: for what comes after them, not for how long they are. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal),
};

/** What the engine says was lost, as it says it. */
export function collectLost(engine: InferenceEngine): readonly LostVersion[] {
  const lost: LostVersion[] = [];
  engine.onLost((version) => lost.push(version));
  return lost;
}

/** A runner that does not come up while a file of this name is there. */
export function runnerUnless(path: string): RunnerCommand {
  const program = RUNNER_COMMAND.args.at(-1) ?? "";
  const source = `
    if ((await import("node:fs")).existsSync(${JSON.stringify(path)})) process.exit(3);
    await import(${JSON.stringify(program)});`;
  return { file: RUNNER_COMMAND.file, args: ["--input-type=module", "-e", source] };
}

/** A runner that dies of a request whose first number is `poison`, as native code does. */
export function runnerKilledBy(poison: number): RunnerCommand {
  const program = RUNNER_COMMAND.args.at(-1) ?? "";
  const source = `
    const { MessageReader } = await import(${JSON.stringify(new URL("../../agent/inference/runner/runner-channel.ts", import.meta.url).href)});
    const taster = new MessageReader(({ requests = [] }) => {
      const first = ([{ bytes }]) => new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
      if (requests.some((inputs) => first(inputs) === ${String(poison)})) process.kill(process.pid, "SIGKILL");
    });
    const { push } = MessageReader.prototype;
    MessageReader.prototype.push = function (piece) {
      push.call(taster, piece);
      push.call(this, piece);
    };
    await import(${JSON.stringify(program)});`;
  return { file: RUNNER_COMMAND.file, args: ["--input-type=module", "-e", source] };
}
