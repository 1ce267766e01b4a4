import t from "tap";
import { percentile } from "../../../agent/inference/percentile.ts";

t.test("a percentile is one of the values: the smallest that so many do not exceed", async (t) => {
  const values = [1, 2, 3, 4];
  t.same(
    [0, 0.25, 0.26, 0.5, 0.95, 1].map((share) => percentile(values, share)),
    [1, 1, 2, 2, 4, 4],
  );
  t.equal(percentile([], 0.5), undefined);
});
