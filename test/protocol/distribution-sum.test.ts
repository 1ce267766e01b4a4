import t from "tap";
import { DistributionSum, featureSubject, type FeatureId } from "../../protocol/distribution-sum.ts";
import { checkDistributionFields } from "../../protocol/messages/telemetry-distribution.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { summable } from "../../protocol/record-sum.ts";
import { ValueSketch, type SketchFrame } from "../../protocol/value-sketch.ts";

const brightness: FeatureId = {
  slot: "digits",
  version: "1.0.0",
  feature: "pixels.mean",
  role: "input",
  type: "number",
};
const predicted: FeatureId = { ...brightness, feature: "scores.class", role: "output", type: "category" };

function record(values: readonly number[], frame?: SketchFrame): RecordFields {
  const sketch = new ValueSketch(frame);
  for (const value of values) sketch.add(value);
  const { length } = values;
  return {
    ...brightness,
    windowMs: 1_000,
    seen: 2 * length,
    count: length,
    missing: 1,
    valueSketch: sketch.toText(),
    costMicros: 4,
  };
}

function sumOf(id: FeatureId, records: readonly RecordFields[]) {
  const sum = new DistributionSum();
  for (const fields of records) sum.add(fields);
  return sum.toFields(id);
}

t.test("records of one feature add up, and sums of sums are the sum of all", async (t) => {
  const records = [record([1, 2, 3]), record([4, 5]), record([-6])];
  const whole = sumOf(brightness, records);
  t.match(whole, { records: 3, windowMs: 3_000, seen: 12, count: 6, missing: 3, costMicros: 4 });
  t.same(sumOf(brightness, [sumOf(brightness, records.slice(0, 2)), ...records.slice(2)]), whole);
  t.same(sumOf(brightness, records.toReversed()), whole, "the order does not matter");
  t.same(checkDistributionFields(whole), whole, "a sum is a record again");
});

t.test("records in different frames end in the same one, whichever came first", async (t) => {
  const [fine, coarse] = [record([1, 1.1], { origin: 1, unit: 0.125 }), record([1, 9], { origin: 0, unit: 4 })];
  const [one, other] = [sumOf(brightness, [fine, coarse]), sumOf(brightness, [coarse, fine])];
  t.same(one, other);
  t.match(ValueSketch.fromText(one.valueSketch ?? "").frame, { origin: 0, unit: 4 });
});

t.test("counts of classes and of anomalous examples add up", async (t) => {
  const part = {
    ...predicted,
    windowMs: 1,
    seen: 3,
    count: 3,
    missing: 0,
    categories: '[["7",2],["1",1]]',
    anomalous: 1,
  };
  t.match(sumOf(predicted, [part, part]), { categories: '[["7",4],["1",2]]', anomalous: 2, count: 6 });
});

t.test("a record that is none adds nothing", async (t) => {
  const sum = new DistributionSum();
  t.throws(() => {
    sum.add({ ...record([1]), valueSketch: "nonsense" });
  });
  t.throws(() => {
    sum.add({ slot: "digits" });
  });
  t.equal(sum.records, 0);
});

t.test("the roll-ups of both sides know the kind, one sum for each feature", async (t) => {
  const summed = summable("distribution", record([1]));
  t.equal(summed?.subject, featureSubject(brightness));
  const sum = summed?.begin();
  sum?.add(record([1]));
  sum?.add(record([2]));
  t.match(sum?.toFields(), { feature: "pixels.mean", records: 2, count: 2 });
});

t.test("examples of which only the count is known change no distribution", async (t) => {
  const { valueSketch: _, ...counted } = record([1, 2, 3, 4]);
  const sum = new DistributionSum();
  for (const fields of [record([1, 2, 3], { origin: 0, unit: 0.5 }), { ...counted, untold: 4 }]) sum.add(fields);
  t.match(sum.told(), { count: 3, missing: 0 });
  t.equal(sum.count, 7);
  const again = new DistributionSum();
  again.add(sum.toFields(brightness));
  again.add({ ...counted, untold: 4 });
  t.match(again.toFields(brightness), { count: 11, untold: 8, missing: 3 });
  t.same(again.values.frame, { origin: 0, unit: 0.5 }, "an empty sketch has no say in the frame");
});
