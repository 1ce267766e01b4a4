import t from "tap";
import {
  BlockSeries,
  sumOf,
  unitVariance,
  withoutWorstStretch,
  type Block,
} from "../../../controller/rollout/block-series.ts";
import { seededRandom } from "../../support/seeded-random.ts";

/** The largest of several estimates errs upwards: a spread that is too wide only makes a gate wait. */
const atLeast = (is: number | undefined, expected: number) =>
  is !== undefined && is >= 0.85 * expected && is <= 1.7 * expected;

/** Standard normal values, by Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** An autoregression whose neighbours correlate by `phi`, of variance 1. */
function correlated(phi: number, length: number, random: () => number): Block[] {
  let value = normal(random);
  return Array.from({ length }, () => {
    value = phi * value + Math.sqrt(1 - phi ** 2) * normal(random);
    return { total: value, weight: 1 };
  });
}

t.test("independent values have their own variance", async (t) => {
  const random = seededRandom(1);
  t.ok(atLeast(unitVariance(Array.from({ length: 20 }, () => correlated(0, 200, random))), 1));
});

t.test("correlated ones have that of their mean: (1 + φ) / (1 − φ) times as much", async (t) => {
  const random = seededRandom(2);
  for (const phi of [0.5, 0.8]) {
    const variance = unitVariance(Array.from({ length: 20 }, () => correlated(phi, 250, random)));
    t.ok(atLeast(variance, (1 + phi) / (1 - phi)), `φ ${phi}: ${variance}`);
  }
});

t.test("requests that fail independently have the variance of a share", async (t) => {
  const random = seededRandom(3);
  const device = () =>
    Array.from({ length: 60 }, () => {
      const failures = Array.from({ length: 50 }, () => (random() < 0.1 ? 1 : 0)).reduce<number>((a, b) => a + b, 0);
      return { total: failures, weight: 50 };
    });
  t.ok(atLeast(unitVariance([device(), device(), device(), device()]), 0.09));
});

t.test("that devices differ is no spread", async (t) => {
  const steady = (total: number) => Array.from({ length: 20 }, () => ({ total, weight: 10 }));
  t.equal(unitVariance([steady(1), steady(5)]), 0);
});

t.test("a few blocks tell no spread", async (t) => {
  t.equal(unitVariance([correlated(0, 10, seededRandom(4))]), undefined);
  t.equal(unitVariance([]), undefined);
});

t.test("however much is added, a series stays small, in order and complete", async (t) => {
  const series = new BlockSeries();
  for (let n = 0; n < 10_001; n += 1) series.add(n < 5_000 ? 0 : 2, 1);
  const blocks = series.blocks();
  t.ok(blocks.length <= 256);
  t.same(sumOf([blocks]), { total: 2 * 5_001, weight: 10_001 });
  const means = blocks.map(({ total, weight }) => total / weight);
  t.ok(means.every((mean, at) => mean >= (means[at - 1] ?? 0)));
});

t.test("a block without weight tells nothing", async (t) => {
  const series = new BlockSeries();
  series.add(0, 0);
  t.same(series.blocks(), []);
});

t.test("the worst stretch of one device is left out, and nothing else", async (t) => {
  const block = (total: number) => ({ total, weight: 10 });
  const bad = Array.from({ length: 60 }, (_, at) => block(at >= 20 && at < 30 ? 9 : 1));
  const good = Array.from({ length: 60 }, () => block(1));
  const [left = [], whole = []] = withoutWorstStretch([bad, good]);
  t.same(sumOf([left]), { total: 48, weight: 480 });
  t.same(whole, good);
  t.same(withoutWorstStretch([good, good]), [good, good], "where no stretch is worse than the others");
  t.same(withoutWorstStretch([]), []);
});
