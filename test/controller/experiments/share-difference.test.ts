import t from "tap";
import type { ArmBlock } from "../../../controller/experiments/paired-difference.ts";
import { shareDifference } from "../../../controller/experiments/share-difference.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const anytime = { alpha: 0.05, tunedTo: 1_000 };
const one = (aTotal: number, aWeight: number, bTotal: number, bWeight: number): ArmBlock[][] => [
  [{ aTotal, aWeight, bTotal, bWeight }],
];

t.test("without a single failure of either, both are alike within what their number can tell", async (t) => {
  const few = shareDifference(one(0, 100, 0, 100), anytime, true)?.found;
  const many = shareDifference(one(0, 10_000, 0, 10_000), anytime, true)?.found;
  t.ok(Number(few?.high) > 0.05 && Number(few?.low) < -0.05, JSON.stringify(few));
  t.ok(Number(many?.high) < 0.005 && Number(many?.low) > -0.005, JSON.stringify(many));
  t.equal(many?.p, 1);
});

t.test("a difference beyond doubt has a p-value as small as that", async (t) => {
  const rare = shareDifference(one(490, 500, 400, 500), anytime, true)?.found;
  t.ok(Number(rare?.high) < 0 && Number(rare?.p) < 0.001, JSON.stringify(rare));
  const often = shareDifference(one(400, 500, 300, 500), anytime, true)?.found;
  t.ok(Number(often?.high) < 0 && Number(often?.p) < 0.001, JSON.stringify(often));
});

t.test("requests in too few blocks say nothing: they may all be one bad minute", async (t) => {
  const found = shareDifference(one(0, 500, 100, 500), anytime, false);
  t.equal(found?.found, undefined);
  t.equal(found?.of.b, 0.2);
});

t.test("the interval ends at 0 where p is alpha", async (t) => {
  for (let b = 400; b < 460; b += 1) {
    const found = shareDifference(one(460, 600, b, 600), anytime, true)?.found;
    if (found === undefined) throw new Error("there are enough");
    t.equal(found.low > 0 || found.high < 0, found.p < 0.05, JSON.stringify(found));
  }
});

t.test(
  "who looks after each pair of trials is misled less often than alpha, by rare things and by frequent ones",
  async (t) => {
    for (const share of [0.02, 0.5]) {
      const random = seededRandom(Math.round(1_000 * share));
      let misled = 0;
      for (let run = 0; run < 150; run += 1) {
        const sums = { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 0 };
        for (let look = 0; look < 30; look += 1) {
          for (let trial = 0; trial < 25; trial += 1) {
            sums.aTotal += Number(random() < share);
            sums.bTotal += Number(random() < share);
          }
          sums.aWeight += 25;
          sums.bWeight += 25;
          const found = shareDifference([[sums]], anytime, true)?.found;
          if (found !== undefined && (found.low > 0 || found.high < 0)) {
            misled += 1;
            break;
          }
        }
      }
      t.ok(misled <= 7, `${misled} of 150 at ${share}`);
    }
  },
);
