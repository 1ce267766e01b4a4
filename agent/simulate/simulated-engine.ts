/**
 * An inference engine that loads no model: qualification takes a moment and says what the conduct says, and the requests
 * that applications would send are counted instead of answered. Everything that it says of itself is in the terms of the
 * real engine's port.
 */
import type { Clock } from "../../common/clock.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import {
  CRASH_WINDOW_MS,
  type Candidate,
  type InferenceEngine,
  type InferenceObserver,
  type Observed,
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
  requests: number;
  failed: number;
  badOutputs: number;
  /** When its runner ended by itself; those within CRASH_WINDOW_MS count. */
  crashedMs: number[];
  crashes: number;
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

  function ask(slot: ModelName, answering: Answering): void {
    const { bundle } = answering.candidate;
    const fault = faultOf(conduct, bundle.model);
    for (let asked = 0; asked < REQUESTS_PER_SECOND; asked += 1) {
      answering.requests += 1;
      if (fault === "errors" && random() < BAD_SHARE) {
        answering.failed += 1;
        observer.failed(slot, "model-failed", bundle.model.version);
        continue;
      }
      if (fault === "nan" && random() < BAD_SHARE) answering.badOutputs += 1;
      observer.answered(slot, answerOf(bundle));
      if (standby.has(slot)) {
        const isSame = fault !== "disagrees" || random() >= BAD_SHARE;
        observer.compared?.(slot, bundle.model.version, { isSame, distance: isSame ? 0 : 1 });
      }
    }
    if (fault === "crashes" && random() < CRASH_CHANCE) crash(slot, answering);
  }

  function answerOf({ model, statement }: VerifiedBundle) {
    const { name, version } = model;
    return { model: name, version, statement, outputs: [], queueMs: random(), inferMs: latencyOf(model) };
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

  function observedOf({ candidate, requests, failed, badOutputs, crashes, crashedMs }: Answering): Observed {
    const { statement, model } = candidate.bundle;
    const sinceMs = clock.monotonicMs() - CRASH_WINDOW_MS;
    return {
      statement,
      requests,
      failed,
      badOutputs,
      crashes,
      recentCrashes: crashedMs.filter((atMs) => atMs > sinceMs).length,
      latencyP95Ms: requests === 0 ? undefined : p95Of(conduct, model),
    };
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
    activate: (slot, candidate) => {
      const former = active.get(slot);
      if (former !== undefined && !standby.has(slot)) standby.set(slot, former);
      active.set(slot, beginning(candidate, clock.nowMs()));
      return Promise.resolve();
    },
    turnBack: (slot) => {
      const former = standby.get(slot);
      standby.delete(slot);
      if (former === undefined) active.delete(slot);
      else active.set(slot, beginning(former.candidate, clock.nowMs()));
      return Promise.resolve(former?.candidate.bundle);
    },
    release: (slot) => {
      standby.delete(slot);
      return Promise.resolve();
    },
    observed: (slot) => {
      const answering = active.get(slot);
      return answering === undefined ? undefined : observedOf(answering);
    },
    // Nothing is lost here: there is no process that could end for good.
    onLost: () => ({ [Symbol.dispose]: () => undefined }),
    discard: () => Promise.resolve(),
    clear: (slot) => {
      active.delete(slot);
      standby.delete(slot);
      return Promise.resolve();
    },
    slots: () => [...active].map(([slot, answering]) => servedSlot(slot, answering)),
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(ASK_EVERY_MS, signal);
        for (const [slot, answering] of active) ask(slot, answering);
      }
    },
  };
}

function beginning(candidate: Candidate, sinceMs: number): Answering {
  return { candidate, sinceMs, requests: 0, failed: 0, badOutputs: 0, crashedMs: [], crashes: 0 };
}

function servedSlot(slot: ModelName, { candidate, sinceMs }: Answering): ServedSlot {
  return { slot, bundle: candidate.bundle, evidence: candidate.evidence, sinceMs, ready: true };
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
