import t from "tap";
import { meanMargin } from "../../../controller/rollout/sequential-mean.ts";
import { seededRandom } from "../../support/seeded-random.ts";

t.test(
  "the margin is the one-sided normal mixture's of the reference implementation, in its closed form",
  async (t) => {
    // confseq: normal_mixture_bound(100, 0.05, v_opt = 100) is 27.66071 by root finding; the closed form lies just above it.
    const sum = 100 * meanMargin({ count: 100, variance: 1 }, 0.05, 100);
    t.ok(sum >= 27.66071 && sum < 27.66071 * 1.01, `${sum}`);
  },
);

t.test("the margin narrows as values come, and is in the values' own unit", async (t) => {
  const margin = (count: number, variance: number) => meanMargin({ count, variance }, 5e-4);
  t.equal(margin(0, 1), Infinity);
  t.ok(margin(1_000, 1) < margin(100, 1) && margin(100, 1) < margin(20, 1));
  t.ok(Math.abs(margin(100, 9) - 3 * margin(100, 1)) < 1e-12);
});

t.test("somebody who looks after each of 2,000 values is misled no more often than promised", async (t) => {
  const [random, runs, alpha] = [seededRandom(7), 400, 0.05];
  let misled = 0;
  for (let run = 0; run < runs; run += 1) {
    for (let [count, sum] = [0, 0]; count < 2_000;) {
      sum += Math.sqrt(12) * (random() - 0.5);
      count += 1;
      if (count < 20 || sum / count <= meanMargin({ count, variance: 1 }, alpha)) continue;
      misled += 1;
      break;
    }
  }
  t.ok(misled / runs <= alpha, `${misled} of ${runs}`);
});
