import t from "tap";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../protocol/sketch.ts";

function sketchOf(...values: number[]): string {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch.toText();
}

const records: readonly RecordFields[] = [
  { slot: "s", version: "1", intervalMs: 10_000, "outcome.answered": 3, inferSketch: sketchOf(1, 2, 3), crashes: 1 },
  {
    ...{ slot: "s", version: "1", intervalMs: 10_000, "outcome.answered": 1, "outcome.timed-out": 2 },
    ...{ inferSketch: sketchOf(9), queueSketch: sketchOf(0.5), batchSketch: sketchOf(4) },
  },
  {
    ...{
      slot: "s",
      version: "1",
      intervalMs: 5_000,
      agreementCompared: 4,
      agreementSame: 3,
      agreementDistanceMax: 0.2,
    },
    ...{ feedbackJudged: 2, feedbackRight: 1, feedbackMeasured: 2, feedbackAbsoluteMean: 3, feedbackSquareMean: 10 },
  },
  {
    ...{ slot: "s", version: "1", intervalMs: 0, confidenceCount: 1, confidenceMean: 0.5 },
    ...{
      feedbackJudged: 2,
      feedbackRight: 1,
      feedbackClasses: '[["7",1,0,1],["1",0,1,0]]',
      feedbackPairs: '[["7","1",1]]',
    },
  },
  { slot: "s", version: "1", intervalMs: 0, confidenceCount: 3, confidenceMean: 0.9, feedbackClasses: '[["7",1,0,0]]' },
  { slot: "s", version: "1", intervalMs: 5_000, feedbackMeasured: 6, feedbackAbsoluteMean: 1, feedbackSquareMean: 2 },
];

function sumOf(some: readonly RecordFields[]): InferenceSum {
  const sum = new InferenceSum();
  for (const fields of some) sum.add(fields);
  return sum;
}

t.test("counts add up, sketches merge, means are weighted", async (t) => {
  const fields = sumOf(records).toFields("s", "1");
  t.match(fields, {
    slot: "s",
    version: "1",
    records: 6,
    intervalMs: 30_000,
    "outcome.answered": 4,
    "outcome.timed-out": 2,
    crashes: 1,
    agreementCompared: 4,
    agreementDistanceMax: 0.2,
    confidenceCount: 4,
    confidenceMean: 0.8,
    feedbackJudged: 4,
    feedbackClasses: '[["7",2,0,1],["1",0,1,0]]',
    feedbackPairs: '[["7","1",1]]',
    feedbackMeasured: 8,
    feedbackAbsoluteMean: 1.5,
    feedbackSquareMean: 4,
    inferSketch: sketchOf(1, 2, 3, 9),
    queueSketch: sketchOf(0.5),
    batchSketch: sketchOf(4),
  });
  t.match(sumOf(records), { requests: 6, failed: 2 });
});

t.test("sums of sums, in any order and however they travelled, are the sum of all", async (t) => {
  const all = sumOf(records).toFields("s", "1");
  const merged = sumOf(records.slice(2));
  merged.merge(sumOf(records.slice(0, 2)));
  t.same(merged.toFields("s", "1"), all);
  t.same(
    sumOf([sumOf(records.slice(0, 1)).toFields("s", "1"), sumOf(records.slice(1)).toFields("s", "1")]).toFields(
      "s",
      "1",
    ),
    all,
  );
});

t.test("an answer that differs by no number leaves the distance of all unknown", async (t) => {
  const compared = { slot: "s", version: "1", intervalMs: 1, agreementCompared: 1, agreementSame: 0 };
  const sum = sumOf([...records, compared]);
  t.equal(sum.toFields("s", "1")["agreementDistanceMax"], undefined);
  t.equal(sumOf([sum.toFields("s", "1"), ...records]).distanceMax, undefined);
});

t.test("a record that cannot be read adds nothing at all", async (t) => {
  const sum = sumOf(records);
  const before = sum.toFields("s", "1");
  t.throws(
    () => {
      sum.add({ nonsense: true });
    },
    { code: "SCHEMA" },
  );
  t.throws(
    () => {
      sum.add({ slot: "s", intervalMs: 1, inferSketch: sketchOf(1), queueSketch: "no sketch" });
    },
    { code: "MALFORMED" },
  );
  t.same(sum.toFields("s", "1"), before);
});

t.test("outcomes that a device makes up do not grow the sum without end", async (t) => {
  const sum = new InferenceSum();
  for (let n = 0; n < 100; n += 1) sum.add({ slot: "s", intervalMs: 1, [`outcome.made-up-${n}`]: 2 });
  t.ok(sum.outcomes.size <= 33);
  t.equal(sum.requests, 200);
  t.equal(sum.outcomes.get("other"), 136);
  sum.add({ slot: "s", intervalMs: 1, "outcome.answered": -5, "outcome.timed-out": "many" });
  t.equal(sum.requests, 200, "what is no count is not counted");
});
