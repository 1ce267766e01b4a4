/**
 * An inference engine that loads no model: qualification takes a moment and says what the conduct says, and the requests
 * that applications would send are counted instead of answered. Everything that it says of itself is in the terms of the
 * real engine's port.
 */
import type { Clock } from "../../common/clock.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import {
  CRASH_WINDOW_MS,
  type Candidate,
  type InferenceEngine,
  type InferenceObserver,
  type Observed,
  type ObservedFigures,
  type ServedSlot,
  type VerifiedBundle,
} from "../inference/inference-engine.ts";
import { BAD_SHARE, faultOf, SLOW_FACTOR, type Conduct } from "./conduct.ts";

export interface SimulatedEnginePorts {
  readonly conduct: Conduct;
  /** In [0, 1): whether this device is one of those on which the bundle fails. */
  readonly luckOf: (bundle: VerifiedBundle) => number;
  readonly observer: InferenceObserver;
  readonly clock: Clock;
  readonly random: () => number;
}

export type SimulatedEngine = Pick<
  InferenceEngine,
  "qualify" | "activate" | "turnBack" | "release" | "observed" | "onLost" | "discard" | "clear" | "slots"
> & {
  /** Lets applications ask, until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

interface Answering {
  readonly candidate: Candidate;
  readonly sinceMs: number;
  /** What it has beside the active version; undefined: everything. */
  readonly traffic: SoakTraffic | undefined;
  requests: number;
  failed: number;
  badOutputs: number;
  /** When its runner ended by itself; those within CRASH_WINDOW_MS count. */
  crashedMs: number[];
  crashes: number;
  compared: number;
  alike: number;
}

/** Each slot is asked so often: enough for a gate to judge a small fleet in a minute, little enough for a thousand agents. */
const REQUESTS_PER_SECOND = 2;
const ASK_EVERY_MS = 1_000;
/** Load, warm-up and self-test of a small model on a small board. */
const QUALIFY_MS = 400;
/** A runner that crashes does so every other second. */
const CRASH_CHANCE = 0.5;
/** More than `soak-crashes` asks for; older ones count for nothing. */
const CRASHES_KEPT = 16;

export function createSimulatedEngine(ports: SimulatedEnginePorts): SimulatedEngine {
  const { conduct, clock, random, observer } = ports;
  const active = new Map<ModelName, Answering>();
  const standby = new Map<ModelName, Answering>();
  const trials = new Map<ModelName, Answering>();

  function ask(slot: ModelName, main: Answering): void {
    const trial = trials.get(slot);
    const soaking = trial ?? (standby.has(slot) ? main : undefined);
    for (let asked = 0; asked < REQUESTS_PER_SECOND; asked += 1) {
      const isTried = trial?.traffic !== undefined && random() < trial.traffic.share;
      const isShadow = trial?.traffic?.kind === "shadow";
      // What a version on trial fails is answered by the active one.
      const isAnswered = isTried && !isShadow && compute(slot, trial, false);
      if (!isAnswered) compute(slot, main, false);
      if (isTried && isShadow) compute(slot, trial, true);
      if (soaking !== undefined && (isTried || !isShadow)) compareAnswers(slot, soaking);
    }
    for (const one of [main, ...(trial === undefined ? [] : [trial])]) {
      if (faultOf(conduct, one.candidate.bundle.model) === "crashes" && random() < CRASH_CHANCE) crash(slot, one);
    }
  }

  /** False where it failed. */
  function compute(slot: ModelName, answering: Answering, isCopy: boolean): boolean {
    const { bundle } = answering.candidate;
    const { version } = bundle.model;
    const fault = faultOf(conduct, bundle.model);
    answering.requests += 1;
    if (fault === "errors" && random() < BAD_SHARE) {
      answering.failed += 1;
      if (isCopy) observer.copied?.(slot, version, { kind: "failed" });
      else observer.failed(slot, "model-failed", version);
      return false;
    }
    if (fault === "nan" && random() < BAD_SHARE) answering.badOutputs += 1;
    if (isCopy) observer.copied?.(slot, version, { kind: "answered", inferMs: latencyOf(bundle.model) });
    else observer.answered(slot, answerOf(bundle));
    return true;
  }

  function compareAnswers(slot: ModelName, soaking: Answering): void {
    const { model } = soaking.candidate.bundle;
    const isSame = faultOf(conduct, model) !== "disagrees" || random() >= BAD_SHARE;
    soaking.compared += 1;
    if (isSame) soaking.alike += 1;
    observer.compared?.(slot, model.version, { isSame, distance: isSame ? 0 : 1 });
  }

  function answerOf(bundle: VerifiedBundle) {
    const { model, statement } = bundle;
    const { name, version } = model;
    return { model: name, version, statement, bundle, outputs: [], queueMs: random(), inferMs: latencyOf(model) };
  }

  /** Between half and one and a half of the median. */
  function latencyOf(model: VerifiedBundle["model"]): number {
    const slowness = faultOf(conduct, model) === "slow" ? SLOW_FACTOR : 1;
    return conduct.latencyMs * slowness * (0.5 + random());
  }

  function crash(slot: ModelName, answering: Answering): void {
    answering.crashes += 1;
    answering.crashedMs = [...answering.crashedMs, clock.monotonicMs()].slice(-CRASHES_KEPT);
    observer.crashed(slot, answering.candidate.bundle.model.version, "it is simulated to");
  }

  function figuresOf({ candidate, requests, failed, badOutputs, crashes, crashedMs }: Answering): ObservedFigures {
    const { model } = candidate.bundle;
    const sinceMs = clock.monotonicMs() - CRASH_WINDOW_MS;
    return {
      requests,
      failed,
      badOutputs,
      crashes,
      recentCrashes: crashedMs.filter((atMs) => atMs > sinceMs).length,
      timed: requests - failed,
      latencyP95Ms: requests === 0 ? undefined : p95Of(conduct, model),
    };
  }

  function observedOf(slot: ModelName): Observed | undefined {
    const [main, trial] = [active.get(slot), trials.get(slot)];
    const soaking = trial ?? main;
    if (main === undefined || soaking === undefined) return undefined;
    const { statement } = soaking.candidate.bundle;
    const agreement = { compared: soaking.compared, alike: soaking.alike, dropped: 0 };
    const observed = { statement, ...figuresOf(soaking), agreement };
    return trial === undefined ? observed : { ...observed, former: figuresOf(main) };
  }

  return {
    qualify: async (_slot, bundle, signal) => {
      await clock.sleep(QUALIFY_MS * (0.5 + random()), signal);
      signal.throwIfAborted();
      const fault = faultOf(conduct, bundle.model);
      if (fault === "self-test" || (fault === undefined && ports.luckOf(bundle) < conduct.failRate)) {
        const message = "This device is simulated to fail the golden set of this version";
        return { kind: "refused", refusal: { code: "self-test", message } };
      }
      return { kind: "qualified", candidate: { bundle, evidence: evidenceOf(conduct, bundle, clock.nowMs()) } };
    },
    activate: (slot, candidate, traffic) => {
      const former = active.get(slot);
      if (former !== undefined && traffic !== undefined) {
        active.set(slot, beginning(former.candidate, former.sinceMs));
        trials.set(slot, beginning(candidate, clock.nowMs(), traffic));
        return Promise.resolve(traffic);
      }
      if (former !== undefined && !standby.has(slot)) standby.set(slot, former);
      active.set(slot, beginning(candidate, clock.nowMs()));
      return Promise.resolve(undefined);
    },
    turnBack: (slot) => {
      if (trials.delete(slot)) return Promise.resolve(active.get(slot)?.candidate.bundle);
      const former = standby.get(slot);
      standby.delete(slot);
      if (former === undefined) active.delete(slot);
      else active.set(slot, beginning(former.candidate, clock.nowMs()));
      return Promise.resolve(former?.candidate.bundle);
    },
    release: (slot) => {
      const trial = trials.get(slot);
      if (trial !== undefined) active.set(slot, beginning(trial.candidate, trial.sinceMs));
      trials.delete(slot);
      standby.delete(slot);
      return Promise.resolve();
    },
    observed: observedOf,
    // Nothing is lost here: there is no process that could end for good.
    onLost: () => ({ [Symbol.dispose]: () => undefined }),
    discard: () => Promise.resolve(),
    clear: (slot) => {
      active.delete(slot);
      standby.delete(slot);
      trials.delete(slot);
      return Promise.resolve();
    },
    slots: () => [...active].map(([slot, answering]) => servedSlot(slot, answering, trials.get(slot))),
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(ASK_EVERY_MS, signal);
        for (const [slot, answering] of active) ask(slot, answering);
      }
    },
  };
}

function beginning(candidate: Candidate, sinceMs: number, traffic?: SoakTraffic): Answering {
  const counts = { requests: 0, failed: 0, badOutputs: 0, crashedMs: [], crashes: 0, compared: 0, alike: 0 };
  return { candidate, sinceMs, traffic, ...counts };
}

function servedSlot(slot: ModelName, main: Answering, trial: Answering | undefined): ServedSlot {
  const of = ({ candidate, sinceMs }: Answering) => ({ ...candidate, sinceMs, ready: true });
  const served = { slot, ...of(main) };
  return trial?.traffic === undefined ? served : { ...served, trial: { ...of(trial), traffic: trial.traffic } };
}

function p95Of(conduct: Conduct, model: VerifiedBundle["model"]): number {
  return conduct.latencyMs * 1.45 * (faultOf(conduct, model) === "slow" ? SLOW_FACTOR : 1);
}

/** The provider says that nothing was measured. */
function evidenceOf(conduct: Conduct, { model }: VerifiedBundle, nowMs: number): Evidence {
  return {
    provider: "simulated",
    loadMs: QUALIFY_MS / 2,
    warmUpMs: QUALIFY_MS / 4,
    goldenCases: 1,
    goldenPassed: 1,
    latencyP50Ms: conduct.latencyMs,
    latencyP95Ms: p95Of(conduct, model),
    memoryBytes: 0,
    qualifiedAtMs: nowMs,
  };
}
