import t from "tap";
import { quantileDifference } from "../../../controller/experiments/quantile-difference.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const anytime = { alpha: 0.05, tunedTo: 10_000 };

/** `blocks` stretches of a device: 20 requests of A and 20 of B each, log-normal. */
function device(seed: number, medianMs: number, slower: number, blocks: number) {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const [a, b] = [new Sketch(), new Sketch()];
  const limit = medianMs * Math.exp(0.25 * 1.6449);
  const arms = Array.from({ length: blocks }, () => {
    const block = { aTotal: 0, aWeight: 20, bTotal: 0, bWeight: 20 };
    for (let n = 0; n < 20; n += 1) {
      const [ofA, ofB] = [Math.exp(0.25 * normal()), Math.exp(0.25 * normal())];
      a.add(medianMs * ofA);
      b.add(medianMs * slower * ofB);
      block.aTotal += Number(medianMs * ofA > limit);
      block.bTotal += Number(medianMs * ofB > limit);
    }
    return block;
  });
  return { arms, sketches: { a, b } };
}

function both(slower: number, blocks: number) {
  const devices = [device(1, 8, slower, blocks), device(2, 20, slower, blocks)];
  return { arms: devices.map(({ arms }) => arms), sketches: devices.map(({ sketches }) => sketches) };
}

t.test("a version that is 30 % slower is found to be, and the interval holds the truth", async (t) => {
  const said = quantileDifference(both(1.3, 60), 0.95, anytime);
  const found = said?.found;
  t.ok(Number(found?.low) > 0 && Number(found?.p) < 0.05, JSON.stringify(said));
  // Of the mixture of both devices, with scipy.optimize.brentq on scipy.stats.norm: 27.55 ms; so 8.27 ms more.
  t.ok(Number(found?.low) < 8.27 && Number(found?.high) > 8.27, JSON.stringify(found));
});

t.test("the same version is not", async (t) => {
  const found = quantileDifference(both(1, 100), 0.5, anytime)?.found;
  t.ok(Number(found?.low) <= 0 && Number(found?.high) >= 0, JSON.stringify(found));
});

t.test("with too few requests a quantile has an estimate and no interval", async (t) => {
  const said = quantileDifference(both(1, 8), 0.95, anytime);
  t.ok(Number(said?.a) > 0);
  t.equal(said?.found, undefined);
  t.equal(quantileDifference({ arms: [], sketches: [] }, 0.95, anytime), undefined);
});

t.test("where the interval reaches beyond the largest time seen, it has no end and no verdict", async (t) => {
  const found = quantileDifference(both(1.3, 60), 0.99, anytime)?.found;
  t.match(found, { isBounded: false, p: 1 });
});
