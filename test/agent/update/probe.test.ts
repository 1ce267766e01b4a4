import t from "tap";
import {
  probe,
  SOAK_BAD_MIN,
  SOAK_CRASHES_MAX,
  SOAK_LATENCY_REQUESTS_MIN,
  type SoakObservation,
  type SoakVerdict,
} from "../../../agent/update/probe.ts";
import { spotless } from "../../support/transition-cases.ts";

const policy = { soakMs: 1_000, untilMs: 5_000 };
const cases: readonly {
  readonly when: string;
  readonly seen: Partial<SoakObservation>;
  readonly nowMs: number;
  readonly untilMs?: null;
  readonly then: SoakVerdict["kind"] | RegExp;
}[] = [
  { when: "nothing happened, and time is left", seen: {}, nowMs: 4_999, then: "inconclusive" },
  { when: "nothing happened until the end", seen: {}, nowMs: 5_000, then: "pass" },
  { when: "no deployment has confirmed the wish", seen: {}, nowMs: 1e12, untilMs: null, then: "inconclusive" },
  { when: "all was well", seen: { requests: 1_000, latencyP95Ms: 3 }, nowMs: 5_000, then: "pass" },
  {
    when: "the runner died as often as it may not",
    seen: { recentCrashes: SOAK_CRASHES_MAX },
    nowMs: 4_100,
    then: /^soak-crashes: .* 3 times within a minute/,
  },
  {
    when: "it is the agent, and a model does not answer under it",
    seen: { unhealthy: "digits does not answer" },
    nowMs: 4_000,
    then: /^agent-unhealthy: digits does not answer$/,
  },
  { when: "the runner died once less", seen: { recentCrashes: 2 }, nowMs: 5_000, then: "inconclusive" },
  { when: "it died, and then did well as long again", seen: { recentCrashes: 2 }, nowMs: 6_000, then: "pass" },
  {
    when: "it failed too often, before any deployment confirmed the wish",
    seen: { requests: 50, failed: SOAK_BAD_MIN },
    nowMs: 0,
    untilMs: null,
    then: /^soak-errors: 5 of 50 real requests failed in the model; 5 % are tolerated$/,
  },
  {
    when: "it fails no more than the former version does at the same time",
    seen: { requests: 50, failed: 6, former: { requests: 500, failed: 50, latencyP95Ms: 1 } },
    nowMs: 5_000,
    then: "pass",
  },
  {
    when: "it fails more than the former version does at the same time",
    seen: { requests: 50, failed: 12, former: { requests: 500, failed: 50, latencyP95Ms: 1 } },
    nowMs: 4_100,
    then: /^soak-errors: 12 of 50 .*, 50 of 500 in the former version; 15 % are tolerated$/,
  },
  {
    when: "the device is slow, and the former version with it",
    seen: { timed: 500, latencyP95Ms: 44, budgetP95Ms: 10, former: { requests: 500, failed: 0, latencyP95Ms: 30 } },
    nowMs: 5_000,
    then: "pass",
  },
  {
    when: "it is slow where the former version is not",
    seen: { timed: 500, latencyP95Ms: 46, budgetP95Ms: 10, former: { requests: 500, failed: 0, latencyP95Ms: 30 } },
    nowMs: 5_000,
    then: /^soak-latency/,
  },
  { when: "as many failures in very many requests", seen: { requests: 1_000, failed: 5 }, nowMs: 5_000, then: "pass" },
  { when: "a single failure of a few", seen: { requests: 4, failed: 1 }, nowMs: 5_000, then: "inconclusive" },
  {
    when: "a single failure of a few, and no other since",
    seen: { requests: 4, failed: 1 },
    nowMs: 6_000,
    then: "pass",
  },
  {
    when: "the only requests that came failed",
    seen: { requests: 2, failed: 2 },
    nowMs: 6_000,
    then: /^soak-errors: 2 of 2/,
  },
  {
    when: "outputs are no numbers",
    seen: { requests: 100, badOutputs: 5 },
    nowMs: 4_100,
    then: /^soak-outputs: 5 of 100 real requests gave NaN/,
  },
  {
    when: "the only output that there was is no number",
    seen: { requests: 1, badOutputs: 1 },
    nowMs: 6_000,
    then: /^soak-outputs: 1 of 1/,
  },
  {
    when: "it is slower than its budget and half of it",
    seen: { timed: SOAK_LATENCY_REQUESTS_MIN, latencyP95Ms: 15.1, budgetP95Ms: 10 },
    nowMs: 5_000,
    then: /^soak-latency: 95 % of 20 real requests took up to 15\.1 ms; the budget is 10 ms/,
  },
  {
    when: "it is slow, but the end is not there",
    seen: { timed: 500, latencyP95Ms: 99, budgetP95Ms: 10 },
    nowMs: 4_999,
    then: "inconclusive",
  },
  {
    when: "it is as slow as is tolerated",
    seen: { timed: 500, latencyP95Ms: 15, budgetP95Ms: 10 },
    nowMs: 5_000,
    then: "pass",
  },
  {
    when: "it was slow too few times to tell",
    seen: { timed: 19, latencyP95Ms: 99, budgetP95Ms: 10 },
    nowMs: 5_000,
    then: "pass",
  },
];

for (const { when, seen, nowMs, untilMs, then } of cases) {
  t.test(`${then instanceof RegExp ? "fail" : then} when ${when}`, async (t) => {
    const verdict = probe({ ...spotless, ...seen }, untilMs === null ? { ...policy, untilMs } : policy, nowMs);
    if (verdict.kind !== "fail") t.equal(verdict.kind, then);
    else t.match(`${verdict.refusal.code}: ${verdict.refusal.message}`, then);
  });
}
