/** The telemetry that devices of an experiment would send, with the noise of real ones; from a seed. */
import { DeviceTally, type Arms } from "../../controller/experiments/device-tally.ts";
import type { Counted } from "../../controller/experiments/experiment-results.ts";
import type { ComparedMetric } from "../../controller/experiments/compare-metric.ts";
import { findExperimentMetric } from "../../controller/experiments/experiment-metrics.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../protocol/sketch.ts";
import { seededRandom } from "./seeded-random.ts";

/** What B does otherwise than A; nothing: it is the same. */
export interface Otherwise {
  /** Times as slow. */
  readonly slower?: number;
  /** Share of the answers. */
  readonly rightMore?: number;
  readonly failsMore?: number;
  readonly surer?: number;
}

export interface NoisyExperiment {
  readonly seed: number;
  readonly devices: number;
  readonly share: number;
  readonly intervals: number;
  readonly b: Otherwise;
  /** Of the answers, those whose truth comes at once. */
  readonly labelled?: number;
}

/** Devices sum up ten seconds at a time. */
const INTERVAL_MS = 10_000;
export const ARMS: Arms = {
  slot: "digits" as ModelName,
  former: "1" as ModelVersion,
  candidate: "2" as ModelVersion,
};

export function metricNamed(name: string, effect?: number): ComparedMetric {
  const metric = findExperimentMetric(name);
  if (metric === undefined) throw new Error(`there is no metric ${name}`);
  return { metric, effect: effect === undefined ? undefined : { kind: "absolute", value: effect } };
}

/** What was counted after each interval: the same tallies, which grow. */
export function* runNoisyExperiment(
  { seed, devices, share, intervals, b, labelled = 0.2 }: NoisyExperiment,
  metrics: readonly ComparedMetric[],
): Generator<readonly Counted[]> {
  const random = seededRandom(seed);
  const all = Array.from({ length: devices }, (_, at) => ({
    device: `cam-${at + 1}` as DeviceId,
    noise: new NoisyDevice(random),
    tally: new DeviceTally(metrics.map(({ metric }) => metric)),
  }));
  for (const { tally } of all) {
    const fields = { event: "phase-changed", slot: ARMS.slot, phase: "soaking", traffic: "split" };
    tally.add(ARMS, { kind: "event", atMs: 0, fields });
  }
  for (let interval = 1; interval <= intervals; interval += 1) {
    const atMs = interval * INTERVAL_MS;
    for (const { noise, tally } of all) {
      for (const fields of noise.interval(atMs, share, b, labelled))
        tally.add(ARMS, { kind: "inference", atMs, fields });
    }
    yield all;
  }
}

/** A device with a speed, a load and habits of its own: what befalls it befalls both versions. */
class NoisyDevice {
  readonly #random: () => number;
  readonly #medianMs: number;
  readonly #perInterval: number;
  readonly #errorShare: number;
  readonly #rightShare: number;
  /** Wanders in logarithms, correlated over some minutes. */
  #drift = 0;
  #busyUntilMs = -Infinity;
  #failingUntilMs = -Infinity;
  #hardSceneUntilMs = -Infinity;

  constructor(random: () => number) {
    this.#random = random;
    this.#medianMs = 8 * Math.exp(0.4 * this.#normal());
    this.#perInterval = 5 + 20 * random();
    this.#errorShare = 10 ** (-4 + 1.7 * random());
    this.#rightShare = 0.85 + 0.13 * random();
  }

  interval(atMs: number, share: number, b: Otherwise, labelled: number): RecordFields[] {
    this.#drift = 0.95 * this.#drift + 0.1 * Math.sqrt(1 - 0.95 ** 2) * this.#normal();
    this.#busyUntilMs = this.#mayBegin(this.#busyUntilMs, atMs, 1_800_000, 60_000);
    this.#failingUntilMs = this.#mayBegin(this.#failingUntilMs, atMs, 3_600_000, 30_000);
    this.#hardSceneUntilMs = this.#mayBegin(this.#hardSceneUntilMs, atMs, 1_200_000, 120_000);
    const medianMs = this.#medianMs * Math.exp(this.#drift) * (atMs < this.#busyUntilMs ? 2 : 1);
    const right = this.#rightShare - (atMs < this.#hardSceneUntilMs ? 0.25 : 0);
    const failing = this.#errorShare + (atMs < this.#failingUntilMs ? 0.2 : 0);
    const requests = this.#poisson(this.#perInterval);
    const ofB = this.#binomial(requests, share);
    const arms = [
      { version: ARMS.former, count: requests - ofB, otherwise: {} },
      { version: ARMS.candidate, count: ofB, otherwise: b },
    ];
    return arms.map(({ version, count, otherwise }) =>
      this.#record(version, count, { medianMs, right, failing, labelled }, otherwise),
    );
  }

  #record(
    version: string,
    count: number,
    { medianMs, right, failing, labelled }: { medianMs: number; right: number; failing: number; labelled: number },
    { slower = 1, rightMore = 0, failsMore = 0, surer = 0 }: Otherwise,
  ): RecordFields {
    const failed = this.#binomial(count, failing + failsMore);
    const sketch = new Sketch();
    for (let n = failed; n < count; n += 1) sketch.add(medianMs * slower * Math.exp(0.25 * this.#normal()));
    const judged = this.#binomial(count - failed, labelled);
    const isRight = this.#binomial(judged, Math.min(1, right + rightMore));
    let confidence = 0;
    for (let n = failed; n < count; n += 1)
      confidence += Math.min(1, Math.max(0, right + surer + 0.1 * this.#normal()));
    return {
      slot: ARMS.slot,
      version,
      intervalMs: INTERVAL_MS,
      "outcome.answered": count - failed,
      // Not `model-failed`, which A would answer again.
      "outcome.timed-out": failed,
      ...(sketch.count === 0 ? {} : { inferSketch: sketch.toText() }),
      ...(judged === 0 ? {} : { feedbackJudged: judged, feedbackRight: isRight }),
      ...(count === failed
        ? {}
        : { confidenceCount: count - failed, confidenceMean: Math.min(1, confidence / (count - failed)) }),
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
