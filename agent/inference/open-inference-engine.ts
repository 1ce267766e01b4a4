import { availableParallelism } from "node:os";
import { systemClock, type Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { ModelName } from "../../protocol/ids.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type {
  Candidate,
  InferenceEngine,
  InferenceObserver,
  InferRequest,
  InferResponse,
  LostVersion,
  Qualification,
  RunnerGauge,
  VerifiedBundle,
} from "./inference-engine.ts";
import { InferenceError } from "./inference-error.ts";
import { selfTest, warmUp } from "./qualify.ts";
import { Refused } from "./refused.ts";
import { RUNNER_COMMAND, RunnerGone, startRunner, type Runner, type RunnerCommand } from "./runner.ts";
import { ServingVersion } from "./serving-version.ts";
import { Slot } from "./slot.ts";

export interface InferenceEngineOptions {
  /** Told of every answer, failure and crash. */
  readonly observers?: readonly InferenceObserver[];
  /** Asked after each load, before the model gets any request: throws where its files are not the verified ones any more. */
  readonly confirm?: (bundle: VerifiedBundle) => Promise<void>;
  readonly command?: RunnerCommand;
  /** Threads of each runner within one operator; absent: one core is left to the agent, and four are enough for an edge model. */
  readonly intraOpThreads?: number;
  readonly clock?: Clock;
  readonly log: Log;
}

/** Requests in flight when the agent stops get this long: the whole agent stops within 5 s. */
const CLOSE_MS_MAX = 3_000;

/** Starts nothing yet: each runner is a child process that starts with a qualification and ends with its version. */
export function openInferenceEngine(options: InferenceEngineOptions): InferenceEngine {
  const { log, clock = systemClock, command = RUNNER_COMMAND } = options;
  const observers = new Set(options.observers);
  const lostListeners = new Set<(lost: LostVersion) => void>();
  const intraOpThreads = options.intraOpThreads ?? Math.max(1, Math.min(4, availableParallelism() - 1));
  const slots = new Map<ModelName, Slot>();
  /** The runners of candidates; also those still being qualified, so that closing leaves none behind. */
  const candidates = new Map<Candidate, Runner>();
  const qualifying = new Set<Runner>();
  let isClosed = false;

  async function qualify(_slot: ModelName, bundle: VerifiedBundle, signal: AbortSignal): Promise<Qualification> {
    let runner: Runner | undefined;
    const stop = () => runner?.kill();
    signal.addEventListener("abort", stop, { once: true });
    try {
      runner = await startRunner(command, log);
      qualifying.add(runner);
      if (isClosed || signal.aborted) runner.kill();
      const warm = await warmUp(runner, bundle, intraOpThreads).finally(() => options.confirm?.(bundle));
      const evidence = await selfTest(runner, bundle.model, warm, clock.nowMs());
      if (isClosed || signal.aborted) throw new RunnerGone("it was stopped");
      const candidate: Candidate = { bundle, evidence };
      candidates.set(candidate, runner);
      return { kind: "qualified", candidate };
    } catch (error) {
      runner?.kill();
      await runner?.ended;
      if (signal.aborted) return refused(new Refused("deadline", "Qualification was stopped before it was done"));
      if (error instanceof Refused) return refused(error);
      if (error instanceof BundleRefused) return refused(new Refused(error.code, error.message));
      return refused(new Refused("runner-crash", messageOf(error)));
    } finally {
      if (runner !== undefined) qualifying.delete(runner);
      signal.removeEventListener("abort", stop);
    }
  }

  function activate(name: ModelName, candidate: Candidate): void {
    const runner = candidates.get(candidate);
    if (runner === undefined) throw new Error("a candidate can be activated once, and not after it was discarded");
    candidates.delete(candidate);
    const slot = slots.get(name) ?? new Slot(name);
    slots.set(name, slot);
    const ports = {
      queue: slot.queue,
      restart: () => restart(candidate.bundle),
      onCrash: (why: string) => {
        const { version } = candidate.bundle.model;
        log.debug({ slot: name, version, why }, "a runner ended by itself; starting another");
        for (const observer of observers) observer.crashed(name, version, why);
      },
      clock,
      log,
    };
    const version = new ServingVersion(ports, candidate.bundle, runner);
    slot.activate(version, candidate.evidence, clock.nowMs());
  }

  async function turnBack(name: ModelName): Promise<VerifiedBundle | undefined> {
    const bundle = slots.get(name)?.turnBack(clock.nowMs());
    if (bundle === undefined) await clear(name);
    return bundle;
  }

  async function restart(bundle: VerifiedBundle): Promise<Runner> {
    const runner = await startRunner(command, log);
    try {
      await warmUp(runner, bundle, intraOpThreads).finally(() => options.confirm?.(bundle));
      return runner;
    } catch (error) {
      runner.kill();
      throw error;
    }
  }

  async function clear(name: ModelName): Promise<void> {
    const slot = slots.get(name);
    slots.delete(name);
    await slot?.close();
  }

  async function discard(candidate: Candidate): Promise<void> {
    const runner = candidates.get(candidate);
    candidates.delete(candidate);
    await runner?.end();
  }

  async function infer(request: InferRequest): Promise<InferResponse> {
    const slot = slots.get(request.slot);
    if (isClosed) throw new InferenceError("unavailable", "The agent is stopping");
    const active = slot?.served();
    if (slot === undefined || active === undefined) {
      throw new InferenceError("unknown-model", `Request for unknown model: '${request.slot}' is not found`);
    }
    try {
      const response = await slot.infer(request);
      for (const observer of observers) observer.answered(request.slot, response);
      return response;
    } catch (error) {
      if (error instanceof InferenceError) {
        const { version } = active.bundle.model;
        for (const observer of observers) observer.failed(request.slot, error.failure, version);
      }
      throw error;
    }
  }

  function gauges(): RunnerGauge[] {
    return [...slots.values()].flatMap((slot) =>
      slot.versions.map((version, at) => ({
        slot: slot.name,
        version: version.bundle.model.version,
        residentBytes: version.residentBytes(),
        restarts: version.restarts,
        waiting: (at === 0 ? slot.queue.length : 0) + version.inFlight,
      })),
    );
  }

  return {
    qualify,
    activate: (name, candidate) =>
      new Promise((resolve) => {
        activate(name, candidate);
        resolve();
      }),
    turnBack,
    release: async (name) => slots.get(name)?.release(),
    observed: (name) => slots.get(name)?.observed(),
    onLost: (listener) => {
      lostListeners.add(listener);
      return { [Symbol.dispose]: () => void lostListeners.delete(listener) };
    },
    discard,
    clear,
    slots: () => [...slots.values()].flatMap((slot) => slot.served() ?? []),
    infer,
    observe: (observer) => {
      observers.add(observer);
      return { [Symbol.dispose]: () => void observers.delete(observer) };
    },
    gauges,
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      const unused = [...qualifying, ...candidates.values()];
      for (const runner of unused) runner.kill();
      await Promise.all([
        ...unused.map((runner) => runner.ended),
        ...[...slots.values()].map((slot) => slot.close(CLOSE_MS_MAX)),
      ]);
      slots.clear();
    },
  };
}

function refused(refusal: Refused): Qualification {
  return { kind: "refused", refusal: refusal.refusal };
}
