import t from "tap";
import { DeviceTally } from "../../../controller/experiments/device-tally.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { ARMS, metricNamed } from "../../support/noisy-experiment.ts";

const METRICS = [
  "accuracy",
  "absolute_error",
  "error_rate",
  "latency_p50_ms",
  "confidence",
  "inference.agreementDistanceMax",
].map((name) => metricNamed(name).metric);
const [ACCURACY, ABSOLUTE, ERRORS, P50, CONFIDENCE, FIELD] = METRICS;

const phase = (atMs: number, name: string, traffic?: string) => ({
  kind: "event" as const,
  atMs,
  fields: { event: "phase-changed", slot: "digits", phase: name, ...(traffic === undefined ? {} : { traffic }) },
});
const record = (atMs: number, version: string, more: RecordFields = {}) => ({
  kind: "inference" as const,
  atMs,
  fields: { slot: "digits", version, intervalMs: 10_000, "outcome.answered": 10, ...more },
});
const split = phase(5_000, "soaking", "split");

function tallyOf(...records: readonly Parameters<DeviceTally["add"]>[1][]): DeviceTally {
  const tally = new DeviceTally(METRICS);
  for (const one of records) tally.add(ARMS, one);
  return tally;
}

const requestsOf = (tally: DeviceTally) => tally.requests.blocks().map(({ aWeight, bWeight }) => [aWeight, bWeight]);

t.test("only whole intervals in which both could answer count", async (t) => {
  const tally = tallyOf(
    record(4_000, "1"),
    split,
    // Half of it was before the split.
    record(10_000, "1"),
    record(10_000, "2"),
    record(20_000, "1"),
    record(20_010, "2"),
    phase(25_000, "committed"),
    record(30_000, "1"),
    phase(40_000, "soaking", "split"),
    record(50_000, "2"),
    { kind: "event", atMs: 51_000, fields: { event: "agent-started" } },
    record(61_000, "1"),
  );
  t.same(requestsOf(tally), [
    [10, 10],
    [0, 10],
  ]);
  t.equal(tally.isSplit, false);
  t.equal(tally.splitMs, 10_000);
});

t.test("other slots and versions, shadows and unreadable records count nowhere", async (t) => {
  const tally = tallyOf(
    phase(0, "soaking", "shadow"),
    record(10_000, "1"),
    phase(10_001, "soaking", "split"),
    record(21_000, "3"),
    { ...record(21_000, "1"), fields: { ...record(21_000, "1").fields, slot: "letters" } },
    { kind: "inference", atMs: 21_000, fields: { nonsense: true } },
  );
  t.same(requestsOf(tally), []);
});

t.test("truth counts when it comes, also while B does not answer, but not before it ever did", async (t) => {
  const truth = { feedbackJudged: 4, feedbackRight: 3, feedbackMeasured: 2, feedbackAbsoluteMean: 0.5 };
  const tally = tallyOf(record(4_000, "1", truth), split, phase(6_000, "transferring"), record(10_000, "2", truth));
  t.same(ACCURACY && tally.seriesOf(ACCURACY).blocks(), [{ aTotal: 0, aWeight: 0, bTotal: 3, bWeight: 4 }]);
  t.match(ABSOLUTE && tally.seriesOf(ABSOLUTE).blocks(), [{ bTotal: 1, bWeight: 2 }]);
});

t.test("what B failed and A answered was B's request", async (t) => {
  const tally = tallyOf(
    split,
    record(20_000, "1", { "outcome.answered": 13 }),
    record(20_000, "2", { "outcome.answered": 7, "outcome.model-failed": 3, "outcome.bad-request": 5, crashes: 1 }),
  );
  t.same(requestsOf(tally), [[10, 10]]);
  t.match(ERRORS && tally.seriesOf(ERRORS).blocks(), [{ aTotal: 0, aWeight: 13, bTotal: 3, bWeight: 10 }]);
  t.same(tally.crashes, { a: 0, b: 1 });
});

t.test("latencies are held against what was known before them; means weigh by what they are means of", async (t) => {
  const sketch = new Sketch();
  for (let ms = 1; ms <= 20; ms += 1) sketch.add(ms);
  const inferSketch = sketch.toText();
  const more = { inferSketch, confidenceCount: 20, confidenceMean: 0.75, agreementDistanceMax: 0.5 };
  const tally = tallyOf(split, record(20_000, "1", more), record(30_000, "1", more));
  t.match(P50 && tally.seriesOf(P50).blocks(), [{ aTotal: 10, aWeight: 20 }]);
  t.equal(tally.sketches.a.count, 40);
  t.match(CONFIDENCE && tally.seriesOf(CONFIDENCE).blocks(), [{ aTotal: 15, aWeight: 20 }, {}]);
  t.match(FIELD && tally.seriesOf(FIELD).blocks(), [{ aTotal: 0.5, aWeight: 1 }, {}]);
});

t.test("what was stored goes on as if nothing had happened", async (t) => {
  const records = [
    split,
    ...Array.from({ length: 300 }, (_, at) => record(20_000 + 10_000 * at, at % 2 === 0 ? "1" : "2")),
  ];
  const whole = tallyOf(...records);
  const first = tallyOf(...records.slice(0, 150));
  first.nextOf.set("stream", 150);
  const again = DeviceTally.fromText(METRICS, first.toText());
  t.equal(again.nextOf.get("stream"), 150);
  for (const one of records.slice(150)) again.add(ARMS, one);
  again.nextOf.clear();
  t.equal(again.toText(), whole.toText());
  t.ok(whole.requests.blocks().length <= 128, "and its size has a bound");
  t.equal(
    requestsOf(whole).reduce((sum, [a = 0, b = 0]) => sum + a + b, 0),
    3_000,
    "that loses nothing",
  );
});
