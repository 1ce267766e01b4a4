import t from "tap";
import { readFileSync } from "node:fs";
import { anytimeP, anytimeWidth, samplesFor } from "../../../controller/experiments/anytime-bounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";

interface Reference {
  readonly anytime: readonly Readonly<Record<"count" | "alpha" | "tunedTo" | "width" | "pAt4", number>>[];
}

const file = new URL("../../fixtures/experiments/statistics.json", import.meta.url);
const { anytime } = JSON.parse(readFileSync(file, "utf8")) as Reference;
const isClose = (one: number, other: number) => Math.abs(one / other - 1) < 1e-8;

for (const { count, alpha, tunedTo, width, pAt4 } of anytime) {
  t.test(`after ${count} samples, tuned to ${tunedTo}: the mixture as it was integrated numerically`, async (t) => {
    const said = anytimeWidth(count, { alpha, tunedTo });
    t.ok(isClose(said, width), `${said} and ${width}`);
    const p = anytimeP(4, count, { alpha, tunedTo });
    t.ok(isClose(p, pAt4), `${p} and ${pAt4}`);
    t.ok(isClose(anytimeP(said, count, { alpha, tunedTo }), alpha), "the interval ends where p is alpha");
  });
}

t.test("of nothing nothing is known", async (t) => {
  t.equal(anytimeWidth(0, { alpha: 0.05, tunedTo: 100 }), Infinity);
  t.equal(anytimeP(10, 0, { alpha: 0.05, tunedTo: 100 }), 1);
});

t.test("who looks after each of 2,000 values is misled no more often than alpha", async (t) => {
  const random = seededRandom(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const anytime = { alpha: 0.05, tunedTo: 500 };
  const widths = Array.from({ length: 2_001 }, (_, count) => anytimeWidth(count, anytime));
  let [misled, naive] = [0, 0];
  for (let run = 0; run < 1_000; run += 1) {
    let [sum, isMisled, isNaive] = [0, false, false];
    for (let count = 1; count <= 2_000; count += 1) {
      sum += normal();
      const errors = Math.abs(sum) / Math.sqrt(count);
      isMisled ||= errors > (widths[count] ?? 0);
      isNaive ||= errors > 1.96;
    }
    if (isMisled) misled += 1;
    if (isNaive) naive += 1;
  }
  t.ok(misled <= 50, `${misled} of 1,000`);
  t.ok(naive > 400, `and ${naive} with the interval for one look`);
});

t.test("the samples that are asked for make the interval as narrow as was wanted", async (t) => {
  const anytime = { alpha: 0.05, tunedTo: 1_000 };
  const count = samplesFor(0.01, 0.1, anytime, 1e7);
  const width = (of: number) => anytimeWidth(of, anytime) * Math.sqrt(0.1 / of);
  t.ok(width(count) <= 0.01 && width(count - 1) > 0.01, String(count));
  t.equal(samplesFor(1e-9, 0.1, anytime, 1_000), 1_000, "and never more than the most");
});
