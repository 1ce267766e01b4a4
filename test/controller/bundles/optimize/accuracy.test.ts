import t from "tap";
import { AccuracyTally, neededTolerance } from "../../../../controller/bundles/optimize/accuracy.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";

const of = (shape: readonly number[], ...values: number[]): Tensor => ({
  name: "y",
  datatype: "FP32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

t.test("distances and agreement add up over cases", async (t) => {
  const tally = new AccuracyTally(true);
  tally.add([of([2, 2], 1, 0, 0, 1)], [of([2, 2], 0.5, 0, 0.25, 1)]);
  tally.add([of([1, 2], 0, 1)], [of([1, 2], 1, 0)]);
  t.same(tally.result(), { maxDifference: 1, meanDifference: 2.75 / 6, top1Agreement: 2 / 3 });
});

t.test("agreement is left out where the last dimension counts no classes", async (t) => {
  const tally = new AccuracyTally(false);
  tally.add([of([2], 1, 2)], [of([2], 1, 2)]);
  t.same(tally.result(), { maxDifference: 0, meanDifference: 0 });
  const single = new AccuracyTally(true);
  single.add([of([2, 1], 1, 2)], [of([2, 1], 1, 2)]);
  t.notOk("top1Agreement" in single.result());
});

t.test("equal infinities have no distance, a number that became none is as far as can be", async (t) => {
  const tally = new AccuracyTally(false);
  tally.add([of([2], Infinity, NaN)], [of([2], Infinity, NaN)]);
  t.equal(tally.result().maxDifference, 0);
  tally.add([of([1], 1)], [of([1], NaN)]);
  t.equal(tally.result().maxDifference, Infinity);
  t.equal(neededTolerance([of([1], 1)], [of([1], NaN)], 0), Infinity);
});

t.test("the tolerance that is needed is what the relative one does not cover", async (t) => {
  t.equal(neededTolerance([of([2], 100, 1)], [of([2], 101, 1.5)], 0.01), 0.49);
  t.equal(neededTolerance([of([1], 100)], [of([1], 100.5)], 0.01), 0);
});
