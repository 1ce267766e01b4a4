/** The telemetry that devices of a rollout would send, with the noise of real ones; from a seed. */
import {
  DeviceWatch,
  watchedGate,
  type Watched,
  type WatchedGate,
  type WatchedRecord,
} from "../../controller/rollout/device-watch.ts";
import { readingOf } from "../../controller/rollout/gate-counter.ts";
import type { GateResult } from "../../controller/rollout/gate-result.ts";
import { judgeGate } from "../../controller/rollout/gates.ts";
import type { Gate } from "../../controller/rollout/rollout-spec.ts";
import type { ModelName, ModelVersion, StreamId } from "../../protocol/ids.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../protocol/sketch.ts";
import { seededRandom } from "./seeded-random.ts";

/** What the new version does otherwise than the one before; nothing: it is the same. */
export interface Fault {
  /** Times as slow. */
  readonly slower?: number;
  /** Share of the answers that differ. */
  readonly differs?: number;
  readonly failsMore?: number;
  readonly crashesPerHour?: number;
}

export interface NoisyRollout {
  readonly seed: number;
  readonly gates: readonly Gate[];
  readonly devices: number;
  readonly fault: Fault;
  /** Of the version before. */
  readonly formerMs: number;
  readonly soakMs: number;
  /** How long each device compares with the version before. */
  readonly compareMs: number;
}

/** Devices sum up ten seconds at a time. */
const INTERVAL_MS = 10_000;
const WATCHED: Watched = {
  slot: "digits" as ModelName,
  version: "2" as ModelVersion,
  replaces: "1" as ModelVersion,
  isBeside: false,
  sinceMs: 0,
};

/** How the gates stood after each interval of the soak, and at its end. */
export function* runNoisyRollout(rollout: NoisyRollout): Generator<readonly GateResult[]> {
  const { gates, devices, formerMs, soakMs } = rollout;
  const random = seededRandom(rollout.seed);
  const watchedGates = gates.map(watchedGate);
  const dayPhase = random();
  const all = Array.from({ length: devices }, () => new NoisyDevice(random, dayPhase));
  const watches = all.map((device) => {
    const former: WatchedRecord[] = [];
    for (let atMs = -formerMs; atMs < 0; atMs += INTERVAL_MS)
      former.push(recordOf(device.interval(atMs, "1", {}), atMs));
    const watch = new DeviceWatch(watchedGates);
    watch.begin(WATCHED, former);
    return watch;
  });
  for (let atMs = 0; atMs < soakMs; atMs += INTERVAL_MS) {
    for (const [at, device] of all.entries()) {
      const compares = atMs < rollout.compareMs;
      watches[at]?.add(WATCHED, recordOf(device.interval(atMs, "2", rollout.fault, compares), atMs));
    }
    yield resultsOf(watchedGates, watches, atMs + INTERVAL_MS >= soakMs);
  }
}

function recordOf(fields: RecordFields, receivedMs: number): WatchedRecord {
  return { stream: "a".repeat(32) as StreamId, seq: 0, receivedMs, backfill: false, kind: "inference", fields };
}

function resultsOf(gates: readonly WatchedGate[], watches: readonly DeviceWatch[], isSoakOver: boolean): GateResult[] {
  return gates.map(({ gate, metric }, at) => {
    const counters = watches.flatMap(({ counters }) => counters?.[at] ?? []);
    return judgeGate(
      gate,
      metric,
      readingOf(
        metric,
        counters.map((counter) => ({ counter, isReplacing: true })),
      ),
      isSoakOver,
    );
  });
}

const DAY_MS = 86_400_000;
/** Comparisons a second at most, as agents make them. */
const COMPARED_PER_SECOND = 5;

/** A device with a speed, a load and habits of its own. */
class NoisyDevice {
  readonly #random: () => number;
  readonly #dayPhase: number;
  readonly #medianMs: number;
  readonly #perSecond: number;
  readonly #errorShare: number;
  /** Wanders: what the device runs beside the model, its heat. In logarithms, correlated over some minutes. */
  #drift = 0;
  /** Something else takes the processor, until then. */
  #busyUntilMs = -Infinity;
  /** Requests fail in numbers, until then: a camera is reconnected, a disk is full. */
  #failingUntilMs = -Infinity;
  /** The scene is one that is hard to tell, until then. */
  #hardSceneUntilMs = -Infinity;

  constructor(random: () => number, dayPhase: number) {
    this.#random = random;
    this.#dayPhase = dayPhase;
    this.#medianMs = 8 * Math.exp(0.4 * this.#normal());
    this.#perSecond = 1 + 4 * random();
    this.#errorShare = 10 ** (-4 + 1.7 * random());
  }

  interval(atMs: number, version: string, fault: Fault, compares = false): RecordFields {
    const day = Math.sin(2 * Math.PI * (atMs / DAY_MS + this.#dayPhase));
    this.#drift = 0.95 * this.#drift + 0.1 * Math.sqrt(1 - 0.95 ** 2) * this.#normal();
    this.#busyUntilMs = this.#mayBegin(this.#busyUntilMs, atMs, 1_800_000, 60_000);
    this.#failingUntilMs = this.#mayBegin(this.#failingUntilMs, atMs, 3_600_000, 30_000);
    this.#hardSceneUntilMs = this.#mayBegin(this.#hardSceneUntilMs, atMs, 1_200_000, 60_000);
    const medianMs = this.#medianMs * Math.exp(0.15 * day + this.#drift) * (atMs < this.#busyUntilMs ? 2 : 1);
    const requests = this.#poisson(((this.#perSecond * INTERVAL_MS) / 1_000) * (1 + 0.4 * day));
    const failing = this.#errorShare + (atMs < this.#failingUntilMs ? 0.2 : 0) + (fault.failsMore ?? 0);
    const failed = this.#binomial(requests, failing);
    const sketch = new Sketch();
    for (let n = failed; n < requests; n += 1) {
      sketch.add(medianMs * (fault.slower ?? 1) * Math.exp(0.25 * this.#normal()));
    }
    const compared = compares ? Math.min(requests - failed, (COMPARED_PER_SECOND * INTERVAL_MS) / 1_000) : 0;
    // Even the same model answers a near tie one way or the other where the order of additions differs.
    const differs = (fault.differs ?? 0) + (atMs < this.#hardSceneUntilMs ? 0.005 : 0.000_2);
    const crashes = this.#poisson(((0.02 + (fault.crashesPerHour ?? 0)) * INTERVAL_MS) / 3_600_000);
    return {
      slot: "digits",
      version,
      intervalMs: INTERVAL_MS,
      "outcome.answered": requests - failed,
      "outcome.model-failed": failed,
      ...(sketch.count === 0 ? {} : { inferSketch: sketch.toText() }),
      ...(compared === 0
        ? {}
        : { agreementCompared: compared, agreementSame: compared - this.#binomial(compared, differs) }),
      ...(crashes === 0 ? {} : { crashes }),
    };
  }

  /** Begins once in `everyMs`, and lasts `lengthMs`, both on average. */
  #mayBegin(untilMs: number, atMs: number, everyMs: number, lengthMs: number): number {
    if (atMs < untilMs || this.#random() >= INTERVAL_MS / everyMs) return untilMs;
    return atMs - lengthMs * Math.log(1 - this.#random());
  }

  /** Box and Muller. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }

  #binomial(trials: number, share: number): number {
    let hits = 0;
    for (let n = 0; n < trials; n += 1) if (this.#random() < share) hits += 1;
    return hits;
  }

  /** Knuth's, for small means. */
  #poisson(mean: number): number {
    let count = 0;
    for (let product = this.#random(); product > Math.exp(-mean); product *= this.#random()) count += 1;
    return count;
  }
}
