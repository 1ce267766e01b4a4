/** Runners without processes: what a bundle does to its slot follows from its behaviour and the time since it answers. */
import type { ModelName } from "../../protocol/ids.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import { CRASH_WINDOW_MS, type Observed, type ServedSlot } from "../../agent/inference/inference-engine.ts";
import { GOOD_LATENCY_MS, type VirtualBundle } from "./virtual-bundle.ts";

export interface VirtualEngine {
  /** Undefined: qualified. */
  readonly qualify: (bundle: VirtualBundle) => Refusal | undefined;
  /** The traffic that it has beside what answers; undefined: all of it. */
  readonly activate: (slot: ModelName, bundle: VirtualBundle, traffic?: SoakTraffic) => SoakTraffic | undefined;
  /** The bundle that answers from here on; undefined: nothing does. */
  readonly turnBack: (slot: ModelName) => VirtualBundle | undefined;
  readonly release: (slot: ModelName) => void;
  readonly clear: (slot: ModelName) => void;
  /** The active version has ended, and nothing has taken its place. */
  readonly lose: (slot: ModelName) => void;
  readonly observed: (slot: ModelName) => Observed | undefined;
  readonly serving: (slot: ModelName) => VirtualBundle | undefined;
  /** What soaks: beside what answers, or as that. */
  readonly newest: (slot: ModelName) => VirtualBundle | undefined;
  readonly served: () => readonly ServedSlot[];
}

interface Answering {
  readonly bundle: VirtualBundle;
  readonly sinceMs: number;
  /** Of the requests; absent: all. */
  readonly traffic?: SoakTraffic;
}

/** What the applications on a device ask for. */
const REQUESTS_PER_SECOND = 5;

export function createEngine(nowMs: () => number, luckOf: (bundle: VirtualBundle) => number): VirtualEngine {
  const active = new Map<ModelName, Answering>();
  const standby = new Map<ModelName, Answering>();
  const trials = new Map<ModelName, Answering>();

  function clear(slot: ModelName): void {
    active.delete(slot);
    standby.delete(slot);
    trials.delete(slot);
  }

  function promote(slot: ModelName): void {
    const trial = trials.get(slot);
    if (trial !== undefined) active.set(slot, { bundle: trial.bundle, sinceMs: nowMs() });
    trials.delete(slot);
  }

  return {
    qualify: (bundle) =>
      bundle.behaviour.kind === "fails-self-test" && luckOf(bundle) < bundle.behaviour.share
        ? { code: "self-test", message: 'output "probabilities" differs in golden case 3' }
        : undefined,
    activate: (slot, bundle, traffic) => {
      const former = active.get(slot);
      trials.delete(slot);
      if (former !== undefined && traffic !== undefined) {
        trials.set(slot, { bundle, sinceMs: nowMs(), traffic });
        return traffic;
      }
      if (former !== undefined && !standby.has(slot)) standby.set(slot, former);
      active.set(slot, { bundle, sinceMs: nowMs() });
      return undefined;
    },
    turnBack: (slot) => {
      if (trials.delete(slot)) return active.get(slot)?.bundle;
      const former = standby.get(slot);
      clear(slot);
      if (former === undefined) return undefined;
      active.set(slot, { bundle: former.bundle, sinceMs: nowMs() });
      return former.bundle;
    },
    release: (slot) => {
      promote(slot);
      standby.delete(slot);
    },
    clear,
    lose: (slot) => {
      active.delete(slot);
      promote(slot);
    },
    observed: (slot) => {
      const answering = trials.get(slot) ?? active.get(slot);
      return answering === undefined ? undefined : observed(answering, nowMs());
    },
    serving: (slot) => active.get(slot)?.bundle,
    newest: (slot) => (trials.get(slot) ?? active.get(slot))?.bundle,
    served: () => [...active].map(([slot, answering]) => servedSlot(slot, answering)),
  };
}

function observed({ bundle, sinceMs, traffic }: Answering, nowMs: number): Observed {
  const { behaviour } = bundle;
  const elapsedMs = nowMs - sinceMs;
  const requests = Math.floor((elapsedMs / 1_000) * REQUESTS_PER_SECOND * (traffic?.share ?? 1));
  const crashes = behaviour.kind === "crashes" ? Math.floor(elapsedMs / behaviour.everyMs) : 0;
  return {
    statement: bundle.slot.statement,
    requests,
    failed: behaviour.kind === "errors" ? Math.round(requests * behaviour.share) : 0,
    badOutputs: behaviour.kind === "nan" ? Math.round(requests * behaviour.share) : 0,
    crashes,
    recentCrashes:
      behaviour.kind === "crashes" ? Math.min(crashes, Math.floor(CRASH_WINDOW_MS / behaviour.everyMs)) : 0,
    timed: requests,
    latencyP95Ms: requests === 0 ? undefined : latencyOf(bundle),
    agreement: { compared: 0, alike: 0, dropped: 0 },
  };
}

function latencyOf({ behaviour }: VirtualBundle): number {
  return behaviour.kind === "slow" ? GOOD_LATENCY_MS * behaviour.factor : GOOD_LATENCY_MS;
}

const EVIDENCE: Evidence = {
  provider: "cpu",
  loadMs: 100,
  warmUpMs: 20,
  goldenCases: 20,
  goldenPassed: 20,
  latencyP50Ms: GOOD_LATENCY_MS / 2,
  latencyP95Ms: GOOD_LATENCY_MS,
  memoryBytes: 90_000_000,
  qualifiedAtMs: 0,
};

function servedSlot(slot: ModelName, { bundle, sinceMs }: Answering): ServedSlot {
  const { statement } = bundle.slot;
  const verified = { directory: statement, statement, model: bundle.model };
  return { slot, bundle: verified, evidence: EVIDENCE, sinceMs, ready: true };
}
