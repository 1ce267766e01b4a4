import t from "tap";
import { nextStride } from "../../../agent/monitor/stride.ts";

t.test("watching stays within a hundredth of a core", async (t) => {
  t.equal(nextStride(1, 11, 1_000), 2, "too much: every second example");
  t.equal(nextStride(4, 5, 1_000), 4, "within");
  t.equal(nextStride(4, 2, 1_000), 2, "twice as many are well within");
  t.equal(nextStride(1, 0, 1_000), 1);
  t.equal(nextStride(1_024, 1_000, 1_000), 1_024, "some are always looked at");
});
