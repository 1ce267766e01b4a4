import t from "tap";
import type { DeviceBlocks } from "../../../controller/rollout/block-series.ts";
import type { GateReading } from "../../../controller/rollout/gate-findings.ts";
import { findMetric } from "../../../controller/rollout/gate-metrics.ts";
import type { GateResult } from "../../../controller/rollout/gate-result.ts";
import { judgeGate } from "../../../controller/rollout/gates.ts";
import type { Gate } from "../../../controller/rollout/rollout-spec.ts";

/** Two devices, half an hour each, with hits spread evenly: `share` of `weight` in each of 90 blocks. */
function even(share: number, weight = 50, blocks = 90): DeviceBlocks {
  const device = () =>
    Array.from({ length: blocks }, (_, at) => ({
      total: Math.round((at + 1) * share * weight) - Math.round(at * share * weight),
      weight,
    }));
  return [device(), device()];
}

/** The same share in one stretch: everything fails for a while, on one device. */
function burst(share: number, weight = 50, blocks = 90): DeviceBlocks {
  const bad = Math.round(2 * blocks * share);
  const device = (isBad: boolean) =>
    Array.from({ length: blocks }, (_, at) => ({ total: isBad && at >= 20 && at < 20 + bad ? weight : 0, weight }));
  return [device(true), device(false)];
}

const shares = (candidate: DeviceBlocks, former: DeviceBlocks | null): GateReading => ({
  kind: "share",
  candidate,
  replacing: former === null ? null : { candidate, former },
});
const alone = (candidate: DeviceBlocks) => shares(candidate, null);

interface Case {
  readonly when: string;
  readonly gate: Gate;
  readonly reading: GateReading;
  readonly isSoakOver?: boolean;
  readonly then: GateResult["verdict"];
  readonly says?: RegExp;
}

const cases: readonly Case[] = [
  {
    when: "errors stay below their limit to the end of the soak",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0.002)),
    then: "pass",
    says: /^error_rate 0\.2 %, limit 1 %, 9,000 requests$/,
  },
  {
    when: "the soak is not over",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0.002)),
    isSoakOver: false,
    then: "inconclusive",
    says: /so far, limit 1 %/,
  },
  {
    when: "errors are surely above their limit, soak or not",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0.04)),
    isSoakOver: false,
    then: "fail",
    says: /^error_rate 4 % is surely above the limit 1 %, after 9,000 requests$/,
  },
  {
    when: "errors are above their limit, which may be chance",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0.012)),
    then: "inconclusive",
    says: /above the limit 1 %, which may be chance/,
  },
  {
    when: "the same errors came in one burst: they tell less than spread ones",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(burst(0.04)),
    then: "inconclusive",
  },
  {
    when: "there are too few requests",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0, 1, 70)),
    then: "inconclusive",
    says: /^error_rate 0 % so far, 140 of 200 requests$/,
  },
  {
    when: "the gate asks for more requests than there are",
    gate: { metric: "error_rate", max: 0.01, minSamples: 10_000 },
    reading: alone(even(0)),
    then: "inconclusive",
    says: /9,000 of 10,000 requests/,
  },
  {
    when: "nothing has been heard yet",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone([]),
    then: "inconclusive",
    says: /^error_rate: 0 of 200 requests$/,
  },
  {
    when: "every request fails, and a minute of two devices is known",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(1, 5, 6)),
    isSoakOver: false,
    then: "fail",
  },
  {
    when: "every request has failed since the version began, half a minute ago",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(1, 50, 3)),
    isSoakOver: false,
    then: "fail",
  },
  {
    when: "a third of the requests failed, all within half a minute",
    gate: { metric: "error_rate", max: 0.01 },
    reading: alone(even(0.3, 50, 3)),
    isSoakOver: false,
    then: "inconclusive",
  },
  {
    when: "as much fails as before",
    gate: { metric: "error_rate_increase", max: 0.01 },
    reading: shares(even(0.08), even(0.08, 50, 250)),
    then: "pass",
    says: /\(was 8 %\)/,
  },
  {
    when: "surely more fails than before",
    gate: { metric: "error_rate_increase", max: 0.01 },
    reading: shares(even(0.16), even(0.08, 50, 250)),
    then: "fail",
    says: /^error_rate_increase 8 % \(was 8 %\) is surely above the limit 1 %/,
  },
  {
    when: "nothing was replaced, and too much fails",
    gate: { metric: "error_rate_increase", max: 0.01 },
    reading: alone(even(0.08)),
    then: "fail",
  },
  {
    when: "nothing is known of the version before",
    gate: { metric: "error_rate_increase", max: 0.01 },
    reading: shares(even(0.08), [[], []]),
    then: "inconclusive",
    says: /too little is known of the version that was replaced/,
  },
  {
    when: "errors doubled against a ratio of 1.5",
    gate: { metric: "error_rate", maxRatio: 1.5 },
    reading: shares(even(0.2), even(0.08, 50, 250)),
    then: "fail",
    says: /error_rate 20 % \(was 8 %\) is surely above the limit 12 %/,
  },
  {
    when: "one of two limits is passed",
    gate: { metric: "error_rate", max: 0.1, maxRatio: 3 },
    reading: shares(even(0.2), even(0.08, 50, 250)),
    then: "fail",
    says: /limit 10 %/,
  },
  {
    when: "answers agree",
    gate: { metric: "agreement_top1", min: 0.98 },
    reading: shares(even(0.008), even(0)),
    then: "pass",
    says: /^agreement_top1 99\.2 %, limit 98 %, 9,000 comparisons$/,
  },
  {
    when: "answers surely do not agree",
    gate: { metric: "agreement_top1", min: 0.98 },
    reading: shares(even(0.05), even(0)),
    then: "fail",
    says: /surely below the limit 98 %/,
  },
  {
    when: "there was no version to agree with",
    gate: { metric: "agreement_top1", min: 0.98 },
    reading: alone([]),
    then: "pass",
    says: /replaced no version/,
  },
  {
    when: "one runner crashed",
    gate: { metric: "crashes", max: 2 },
    reading: alone([[...Array.from({ length: 119 }, () => ({ total: 0, weight: 10 })), { total: 1, weight: 10 }]]),
    then: "inconclusive",
    says: /^crashes 3 per hour is above the limit 2 per hour, which may be chance after 1,200 device seconds$/,
  },
  {
    when: "a runner crashes every minute",
    gate: { metric: "crashes", max: 2 },
    reading: alone([Array.from({ length: 120 }, (_, at) => ({ total: at % 6 === 0 ? 1 : 0, weight: 10 }))]),
    then: "fail",
    says: /^crashes 60 per hour/,
  },
  {
    when: "p95 is below its limit",
    gate: { metric: "latency_p95_ms", max: 50 },
    reading: latency({ ms: 31, beyondMax: even(0.01) }),
    then: "pass",
    says: /^latency_p95_ms 31 ms, limit 50 ms, 9,000 requests$/,
  },
  {
    when: "surely more than 5 % of the requests are slower than p95 may be",
    gate: { metric: "latency_p95_ms", max: 50 },
    reading: latency({ ms: 80, beyondMax: even(0.3) }),
    then: "fail",
  },
  {
    when: "the devices take as long as before",
    gate: { metric: "latency_p95_ms", maxRatio: 1.2 },
    reading: latency({ ms: 8.1, ratio: 1.02, beyondRatio: { candidate: even(0.01), former: even(0.05) } }),
    then: "pass",
    says: /^latency_p95_ms 8\.1 ms \(was 7\.94 ms\), limit 9\.53 ms/,
  },
  {
    when: "the devices surely take longer than before",
    gate: { metric: "latency_p95_ms", maxRatio: 1.2 },
    reading: latency({ ms: 24, ratio: 3, beyondRatio: { candidate: even(0.8), former: even(0.05) } }),
    isSoakOver: false,
    then: "fail",
  },
  {
    when: "too little is known of the times before",
    gate: { metric: "latency_p95_ms", maxRatio: 1.2, minSamples: 1 },
    reading: latency({ ms: 24, ratio: null, beyondRatio: { candidate: [[], []], former: [[], []] } }),
    then: "inconclusive",
    says: /too little is known/,
  },
  {
    when: "the devices had no version before",
    gate: { metric: "latency_p95_ms", maxRatio: 1.2 },
    reading: latency({ ms: 24, ratio: null, beyondRatio: null }),
    then: "pass",
  },
  {
    when: "a mean is within its limits",
    gate: { metric: "telemetry:health.temperatureCelsius", min: 0, max: 80 },
    reading: means(60),
    then: "pass",
  },
  {
    when: "a mean is surely above its limit",
    gate: { metric: "telemetry:health.temperatureCelsius", max: 80 },
    reading: means(90),
    then: "fail",
    says: /^telemetry:health\.temperatureCelsius 90 is surely above the limit 80, after 60 records$/,
  },
  {
    when: "a mean is surely below its limit",
    gate: { metric: "telemetry:health.memoryAvailableBytes", min: 100 },
    reading: means(50),
    then: "fail",
  },
  {
    when: "a mean rose beyond its ratio",
    gate: { metric: "telemetry:health.cpuPercent", maxRatio: 1.5 },
    reading: means(90, 30),
    then: "fail",
    says: /90 \(was 30\) is surely above the limit 45/,
  },
];

function latency(given: Partial<Extract<GateReading, { kind: "latency" }>>): GateReading {
  return {
    kind: "latency",
    quantile: 0.95,
    ms: null,
    ratio: null,
    beyondMax: [],
    beyondRatio: null,
    ...given,
  };
}

/** Two devices, 30 records each, ten up and down around the mean. */
function means(mean: number, former?: number): GateReading {
  const around = (middle: number): DeviceBlocks =>
    [1, 2].map(() => Array.from({ length: 30 }, (_, at) => ({ total: middle + (at % 2 === 0 ? 10 : -10), weight: 1 })));
  const candidate = around(mean);
  return { kind: "mean", candidate, replacing: former === undefined ? null : { candidate, former: around(former) } };
}

for (const { when, gate, reading, isSoakOver = true, then, says } of cases) {
  t.test(`${then} when ${when}`, async (t) => {
    const found = findMetric(gate.metric);
    if (found.kind === "refused") throw new Error(found.why);
    const result = judgeGate(gate, found.metric, reading, isSoakOver);
    t.equal(result.verdict, then, result.text);
    if (says !== undefined) t.match(result.text, says);
  });
}
