import t from "tap";
import { BINS, pairedCategories, pairedValues, quantileBins } from "../../../controller/drift/bins.ts";
import { CategoryCounts } from "../../../protocol/category-counts.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";

function sketchOf(values: readonly number[]): ValueSketch {
  const sketch = new ValueSketch({ origin: 0, unit: 1 });
  for (const value of values) sketch.add(value);
  return sketch;
}

const uniform = seededRandom(3);

t.test("bins hold about equal shares of the reference, and nothing is lost", async (t) => {
  const values = Array.from({ length: 2_000 }, () => 4 * uniform() - 2);
  const bins = quantileBins(pairedValues(sketchOf(values), sketchOf([...values.slice(0, 500), 99])));
  t.ok(bins.length >= BINS - 3 && bins.length <= BINS + 2, `${bins.length} bins`);
  t.equal(
    bins.reduce((sum, { reference }) => sum + reference, 0),
    2_000,
  );
  t.equal(
    bins.reduce((sum, { current }) => sum + current, 0),
    501,
    "what is beyond all of the reference belongs to the outermost bin",
  );
});

t.test("beside a constant anything else is another bin", async (t) => {
  const bins = quantileBins(pairedValues(sketchOf(Array.from({ length: 100 }, () => 0)), sketchOf([0, 5, 5, -3])));
  t.same(
    bins.map(({ reference, current }) => [reference, current]),
    [
      [0, 1],
      [100, 1],
      [0, 2],
    ],
  );
});

t.test("categories that the reference lacks are counted together", async (t) => {
  const [reference, current] = [new CategoryCounts(), new CategoryCounts()];
  reference.add("cat", 5);
  current.add("cat", 2);
  current.add("cow", 3);
  current.other = 1;
  t.match(pairedCategories(reference, current), {
    names: ["cat", "(other)"],
    reference: [5, 0],
    current: [2, 4],
    unknown: 4,
  });
});
