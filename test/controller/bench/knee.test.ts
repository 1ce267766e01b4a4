import t from "tap";
import { kneeSentence } from "../../../controller/bench/knee.ts";
import type { Load, Measurement } from "../../../controller/bench/load.ts";

function measured(load: Load, perSecond: number, p99Ms = 5): Measurement {
  const latencies = { p50Ms: 1, p90Ms: 2, p95Ms: 3, p99Ms, p999Ms: 9, maxMs: 10 };
  return { load, perSecond, ...latencies, requests: 100, failed: 0, failures: {}, seconds: 1 };
}
const callers = (count: number, perSecond: number) => measured({ kind: "callers", callers: count }, perSecond);
const rate = (asked: number, perSecond: number) => measured({ kind: "rate", perSecond: asked }, perSecond);

for (const { when, given, then } of [
  {
    when: "rates are kept up to one",
    given: [rate(50, 50), rate(200, 130), rate(100, 99)],
    then: "It keeps up with 100 requests a second, p99 5.0 ms, and no longer with 200.",
  },
  {
    when: "all rates are kept",
    given: [rate(50, 50), rate(100, 98)],
    then: "It keeps up with all of these rates, 100 a second included, p99 5.0 ms: the knee lies beyond.",
  },
  {
    when: "no rate is kept",
    given: [rate(50, 20), rate(100, 20)],
    then: "It keeps up with none of these rates: 20 answers a second at the lowest.",
  },
  {
    when: "callers bring less and less",
    given: [callers(1, 100), callers(4, 300), callers(16, 330)],
    then: "Beyond 4 callers little is gained: 300 answers a second there, 330 answers a second with 16 callers, which only wait longer.",
  },
  {
    when: "one caller is all it takes",
    given: [callers(1, 100), callers(4, 101)],
    then: "Beyond 1 caller little is gained: 100 answers a second there, 101 answers a second with 4 callers, which only wait longer.",
  },
  {
    when: "callers still bring more",
    given: [callers(1, 100), callers(4, 390)],
    then: "Throughput still grows at 4 callers (390 answers a second): the knee lies beyond.",
  },
  { when: "there is but one load", given: [callers(1, 100)], then: undefined },
]) {
  t.test(`the knee where ${when}`, async (t) => t.equal(kneeSentence(given), then));
}
