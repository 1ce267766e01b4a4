import { systemClock, type Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { openProcessor } from "../processing/processor.ts";
import { availableMemoryBytes } from "../hardware/available-memory.ts";
import type { MemoryGroups } from "../hardware/memory-groups.ts";
import { usableProcessors } from "../hardware/usable-processors.ts";
import type { VariantMemory } from "./qualify/best-variant.ts";
import { Candidates } from "./qualify/candidates.ts";
import { NO_ENGINE_CACHE, type EngineCache } from "./qualify/engine-cache.ts";
import type {
  Candidate,
  Execution,
  InferenceEngine,
  InferFailure,
  InferenceObserver,
  InferRequest,
  InferResponse,
  LostVersion,
  RunnerGauge,
  VerifiedBundle,
} from "./inference-engine.ts";
import { InferenceError } from "./inference-error.ts";
import { openForkServer } from "./runner/fork-server.ts";
import { loadBeside, loadRunner } from "./qualify/load-runner.ts";
import { loadedModels } from "./loaded-models.ts";
import { MemoryNeeds } from "./qualify/memory-needs.ts";
import { RUNNER_COMMAND, type RunnerCommand } from "./runner/runner-process.ts";
import { ServingVersion } from "./slot/serving-version.ts";
import { requireSameInterface } from "./slot/same-interface.ts";
import { shareProcessors } from "./qualify/share-processors.ts";
import { Slot, type SlotPorts } from "./slot/slot.ts";

export interface InferenceEngineOptions {
  /** Told of every answer, failure and crash. */
  readonly observers?: readonly InferenceObserver[];
  /** Asked after each load, before the model gets any request: throws where its files are not the verified ones any more. */
  readonly confirm?: (bundle: VerifiedBundle) => Promise<void>;
  readonly command?: RunnerCommand;
  /** Threads of each runner within one operator, whatever a model asks for; absent: as `share-processors.ts` says. */
  readonly intraOpThreads?: number;
  /** That this process may keep busy; absent: as the system says. */
  readonly processors?: number;
  /** Absent: runners beyond their memory are found by watching them. */
  readonly memoryGroups?: MemoryGroups | undefined;
  /** What processes may still take; undefined where nobody can tell. */
  readonly availableMemoryBytes?: () => number | undefined;
  /** What this device is, for variants that are not for every one. */
  readonly hardwareClasses?: readonly string[];
  /** Absent: each qualification measures all variants. */
  readonly variantMemory?: VariantMemory;
  /** Absent: what a provider compiles is compiled again at each start of a runner. */
  readonly engines?: EngineCache;
  readonly clock?: Clock;
  /** In [0, 1): who answers a request without a key while a version soaks beside another. */
  readonly random?: () => number;
  readonly log: Log;
}

const NO_MEMORY: VariantMemory = { recall: () => undefined, remember: async () => Promise.resolve() };

/** Requests in flight when the agent stops get this long: the whole agent stops within 5 s. */
const CLOSE_MS_MAX = 3_000;

/** A golden set is asked at once, and then not again until the next load: its decoders need not stay in memory. */
const PROCESSOR_IDLE_MS = 5_000;

/** Starts nothing yet: each runner is a child process that starts with a qualification and ends with its version. */
export function openInferenceEngine(options: InferenceEngineOptions): InferenceEngine {
  const { log, clock = systemClock, random = Math.random, command = RUNNER_COMMAND, confirm } = options;
  const observers = new Set(options.observers);
  const lostListeners = new Set<(lost: LostVersion) => void>();
  const processors = options.processors ?? usableProcessors();
  const slots = new Map<ModelName, Slot>();
  const needs = new MemoryNeeds();
  const engines = options.engines ?? NO_ENGINE_CACHE;
  // Not the one that answers clients: what they send must not hold up a qualification.
  const processor = openProcessor({ log, idleMs: PROCESSOR_IDLE_MS });
  const forkServer = openForkServer(log);
  const { start } = forkServer;
  const shareOf = ({ model }: VerifiedBundle) => shareProcessors(model.serving ?? {}, processors);
  const threadsOf = (bundle: VerifiedBundle) => {
    const { intraOpThreads: usual, mostThreads: most } = shareOf(bundle);
    const { intraOpThreads: given } = options;
    return given === undefined ? { usual, most } : { usual: given, most: given };
  };
  const loadPorts = (bundle: VerifiedBundle) => {
    const intraOpThreads = threadsOf(bundle).usual;
    return { command, start, groups: options.memoryGroups, confirm, engines, intraOpThreads, processor, clock, log };
  };
  const candidates = new Candidates({
    load: (bundle, choice, { isUrgent, signal }) =>
      (isUrgent ? loadRunner : loadBeside)(loadPorts(bundle), bundle, choice, signal),
    threadsOf,
    instancesOf: (bundle) => shareOf(bundle).instances,
    availableMemoryBytes: options.availableMemoryBytes ?? availableMemoryBytes,
    needs,
    loaded: () => loadedModels(slots.values()),
    hardwareClasses: options.hardwareClasses ?? [],
    variantMemory: options.variantMemory ?? NO_MEMORY,
    engines,
    processor,
    clock,
  });
  let isClosed = false;

  const slotPorts: SlotPorts = {
    clock,
    random,
    onFailed: (slot, failure, version) => {
      for (const observer of observers) observer.failed(slot, failure, version);
    },
    onCompared: (slot, version, agreement) => {
      for (const observer of observers) observer.compared?.(slot, version, agreement);
    },
    onCopied: (slot, version, outcome) => {
      for (const observer of observers) observer.copied?.(slot, version, outcome);
    },
  };

  async function activate(
    name: ModelName,
    candidate: Candidate,
    traffic?: SoakTraffic,
  ): Promise<SoakTraffic | undefined> {
    if (traffic !== undefined) requireSameInterface(slots.get(name)?.active?.bundle, candidate.bundle, traffic);
    const { model, runners, instances } = await candidates.take(candidate);
    const slot = slots.get(name) ?? new Slot(name, slotPorts);
    slots.set(name, slot);
    const { bundle, choice } = model;
    const ports = {
      queue: slot.queue,
      load: async (signal: AbortSignal) => {
        const { runner } = await loadRunner(loadPorts(bundle), bundle, choice, signal);
        slot.onStarted(version, runner.pid);
        return runner;
      },
      onExecuted: (execution: Execution) => {
        tellExecuted(slot.name, bundle, execution);
      },
      onCrash: (why: string) => {
        slot.onCrash(version);
        tellCrash(slot.name, bundle, why);
      },
      onLost: (refusal: Refusal) => {
        if (slot.onLost(version)) tellLost({ slot: name, statement: bundle.statement, refusal });
      },
      onLeft: (failure: InferFailure | undefined) => {
        if (failure !== undefined) slotPorts.onFailed(name, failure, bundle.model.version);
        slot.pump();
      },
      clock,
      log,
    };
    const version = new ServingVersion(ports, model, runners, instances);
    const { evidence } = candidate;
    const given = traffic && slot.tryOut(version, evidence, traffic, clock.nowMs());
    if (given === undefined) slot.activate(version, evidence, clock.nowMs());
    return given;
  }

  function tellExecuted(slot: ModelName, { model: { version } }: VerifiedBundle, execution: Execution): void {
    for (const observer of observers) observer.executed?.(slot, version, execution);
  }

  function tellCrash(slot: ModelName, { model: { version } }: VerifiedBundle, why: string): void {
    log.debug({ slot, version, why }, "a runner ended by itself; starting another");
    for (const observer of observers) observer.crashed(slot, version, why);
  }

  function tellLost(lost: LostVersion): void {
    log.error({ ...lost }, "a model cannot be started again");
    for (const listener of lostListeners) listener(lost);
  }

  async function turnBack(name: ModelName): Promise<VerifiedBundle | undefined> {
    const bundle = await slots.get(name)?.turnBack(clock.nowMs());
    if (bundle === undefined) await clear(name);
    return bundle;
  }

  async function clear(name: ModelName): Promise<void> {
    const slot = slots.get(name);
    slots.delete(name);
    await slot?.close();
  }

  async function infer(request: InferRequest): Promise<InferResponse> {
    const slot = slots.get(request.slot);
    if (isClosed) throw new InferenceError("unavailable", "The agent is stopping");
    if (slot?.active === undefined) {
      throw new InferenceError("unknown-model", `Request for unknown model: '${request.slot}' is not found`);
    }
    const response = await slot.infer(request);
    for (const observer of observers) {
      observer.answered(request.slot, response);
      observer.exchanged?.(request.slot, request.inputs, response);
    }
    if (!slot.keepsInputsOf(request)) request.onInputsFree?.();
    return response;
  }

  function gauges(): RunnerGauge[] {
    return [...slots.values()].flatMap((slot) =>
      [...slot.versions].map((version) => ({
        slot: slot.name,
        version: version.bundle.model.version,
        instances: version.instances,
        residentBytes: version.residentBytes(),
        restarts: version.restarts,
        waiting: (version === slot.active ? slot.queue.length : 0) + version.inFlight,
      })),
    );
  }

  return {
    qualify: (name, bundle, signal, traffic) => candidates.qualify(slots.get(name), bundle, signal, traffic),
    activate,
    turnBack,
    release: async (name) => slots.get(name)?.release(),
    observed: (name) => slots.get(name)?.observed(),
    onLost: (listener) => {
      lostListeners.add(listener);
      return { [Symbol.dispose]: () => void lostListeners.delete(listener) };
    },
    discard: (candidate) => candidates.discard(candidate),
    clear,
    slots: () => [...slots.values()].flatMap((slot) => slot.served() ?? []),
    infer,
    observe: (observer) => {
      observers.add(observer);
      return { [Symbol.dispose]: () => void observers.delete(observer) };
    },
    gauges,
    models: () => loadedModels(slots.values()),
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      await Promise.all([candidates.close(), ...[...slots.values()].map((slot) => slot.close(CLOSE_MS_MAX))]);
      slots.clear();
      await processor[Symbol.asyncDispose]();
      forkServer[Symbol.dispose]();
    },
  };
}
