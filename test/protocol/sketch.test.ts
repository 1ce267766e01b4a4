import t from "tap";
import { CELL_CHARS_MAX } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch, SKETCH_ACCURACY, SKETCH_BINS_MAX } from "../../protocol/sketch.ts";
import { seededRandom } from "../support/seeded-random.ts";

function sketchOf(values: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

/** The value of that rank, as the paper defines it: the element at ⌊q(n−1)⌋ of the sorted values. */
function exactQuantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? NaN;
}

const uniform = seededRandom(7);
const distributions = [
  { name: "latencies with a long tail", draw: () => Math.exp(3 * (uniform() + uniform() + uniform() - 1.5)) },
  { name: "latencies around two modes", draw: () => (uniform() < 0.5 ? 1 + uniform() : 200 + 50 * uniform()) },
  { name: "values spread over seven powers of ten", draw: () => 10 ** (7 * uniform() - 2) },
  { name: "one value over and over", draw: () => 3.7 },
];
for (const { name, draw } of distributions) {
  t.test(`every quantile of ${name} is right within 1 %`, async (t) => {
    const values = Array.from({ length: 5_000 }, draw);
    const sketch = sketchOf(values);
    for (const q of [0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
      const exact = exactQuantile(values, q);
      const error = Math.abs((sketch.quantile(q) ?? NaN) / exact - 1);
      t.ok(error <= SKETCH_ACCURACY + 1e-9, `q ${q}: off by ${(100 * error).toFixed(3)} %`);
    }
  });
}

t.test("sketches of parts add up to the sketch of the whole, also over their text", async (t) => {
  const values = Array.from({ length: 3_000 }, () => Math.exp(4 * uniform()));
  const whole = sketchOf(values);
  const merged = new Sketch();
  for (let at = 0; at < values.length; at += 700) {
    merged.merge(Sketch.fromText(sketchOf(values.slice(at, at + 700)).toText()));
  }
  t.equal(merged.count, 3_000);
  t.equal(merged.toText(), whole.toText());
});

t.test("how many values are above one is right within a bin", async (t) => {
  const sketch = sketchOf(Array.from({ length: 1_000 }, (_, n) => n + 1));
  for (const value of [1, 10, 500, 950]) {
    const [most, least] = [1_000 - value, 1_000 - value * 1.021];
    const count = sketch.countAbove(value);
    t.ok(count <= most && count >= least - 1, `${count} above ${value}`);
  }
  t.match([sketch.countAbove(2_000), sketch.countAbove(0.5), sketchOf([]).countAbove(1)], [0, 1_000, 0]);
});

t.test("nothing has no quantiles", async (t) => {
  const empty = Sketch.fromText(new Sketch().toText());
  t.match({ count: empty.count, median: empty.quantile(0.5) }, { count: 0, median: undefined });
});

t.test("values beyond the range count at its ends, and what is no number not at all", async (t) => {
  const sketch = sketchOf([-5, 0, Infinity, NaN]);
  t.equal(sketch.count, 3);
  t.ok(Number(sketch.quantile(0)) < 0.002);
  t.ok(Math.abs(Number(sketch.quantile(1)) / 1e9 - 1) <= 0.02);
});

t.test("the widest sketch fits one cell, and keeps its upper quantiles right", async (t) => {
  const values = Array.from({ length: 20_000 }, (_, n) => 10 ** ((12 * n) / 20_000 - 3));
  const sketch = sketchOf(values);
  for (let doubled = 0; doubled < 25; doubled += 1) sketch.merge(Sketch.fromText(sketch.toText()));
  t.equal(sketch.toText().split(" ").length, SKETCH_BINS_MAX);
  t.ok(sketch.toText().length <= CELL_CHARS_MAX, `${sketch.toText().length} characters`);
  t.ok(Math.abs(Number(sketch.quantile(0.99)) / exactQuantile(values, 0.99) - 1) <= SKETCH_ACCURACY + 1e-6);
});

for (const text of [" ", "1  2", "1.", "-1", "zzz zzz", "1.2.3", "G"]) {
  t.test(`text that is no sketch is refused: ${JSON.stringify(text)}`, async (t) => {
    t.throws(() => Sketch.fromText(text), { code: "MALFORMED" });
  });
}
