import t from "tap";
import { believed } from "../../../controller/drift/multiple-tests.ts";

t.test("one test is believed at its rate, many only beyond their share of it", async (t) => {
  t.same(believed([0.01], 0.01), [true]);
  t.same(believed([0.011], 0.01), [false]);
  t.same(
    believed([0.004, ...Array.from({ length: 9 }, () => 0.5)], 0.01),
    Array.from({ length: 10 }, () => false),
  );
  t.same(believed([0.0009, ...Array.from({ length: 9 }, () => 0.5)], 0.01)[0], true);
});
