import t from "tap";
import { chiSquareAbove, chiSquareQuantile } from "../../../controller/drift/chi-square.ts";

t.test("quantile and share above are inverse to each other", async (t) => {
  for (const degrees of [1, 9, 40, 300]) {
    for (const p of [0.001, 0.5, 0.99]) {
      t.ok(Math.abs(chiSquareAbove(chiSquareQuantile(p, degrees), degrees) - (1 - p)) < 1e-9, `${p}, ${degrees}`);
    }
  }
});
