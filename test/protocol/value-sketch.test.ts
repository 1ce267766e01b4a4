import t from "tap";
import { CELL_CHARS_MAX } from "../../protocol/messages/telemetry-batch.ts";
import {
  commonFrame,
  frameOf,
  PLAIN_FRAME,
  VALUE_SKETCH_ACCURACY,
  ValueSketch,
  type SketchFrame,
} from "../../protocol/value-sketch.ts";
import { seededRandom } from "../support/seeded-random.ts";

const uniform = seededRandom(11);

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

function sketchOf(values: readonly number[], frame: SketchFrame = frameOf(values)): ValueSketch {
  const sketch = new ValueSketch(frame);
  for (const value of values) sketch.add(value);
  return sketch;
}

function exactQuantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? NaN;
}

const distributions = [
  { name: "a normal distribution around 0", draw: normal },
  { name: "a temperature of 300 ± 1 K", draw: () => 300 + normal() },
  { name: "negative values with a long tail", draw: () => -Math.exp(2 * normal()) },
  { name: "two modes on both sides of 0", draw: () => (uniform() < 0.5 ? -40 : 25) + normal() },
  { name: "numbers far beyond single precision", draw: () => 1e200 * normal() },
  { name: "one value over and over", draw: () => 3.7 },
];
for (const { name, draw } of distributions) {
  t.test(`every quantile of ${name} is right within 5 % of its distance from the origin`, async (t) => {
    const values = Array.from({ length: 4_000 }, draw);
    const sketch = ValueSketch.fromText(sketchOf(values).toText());
    t.equal(sketch.count, 4_000);
    const { origin, unit } = sketch.frame;
    for (const q of [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1]) {
      const exact = exactQuantile(values, q);
      const error = Math.abs((sketch.quantile(q) ?? NaN) - exact);
      const allowed = VALUE_SKETCH_ACCURACY * Math.abs(exact - origin) + unit / 32;
      t.ok(error <= allowed * (1 + 1e-9), `q ${q}: off by ${error}, allowed ${allowed}`);
    }
  });
}

t.test("sketches in one frame add up to the sketch of the whole, also over their text", async (t) => {
  const values = Array.from({ length: 3_000 }, () => 10 * normal());
  const frame = frameOf(values);
  const merged = new ValueSketch(frame);
  for (let at = 0; at < values.length; at += 700) {
    merged.merge(ValueSketch.fromText(sketchOf(values.slice(at, at + 700), frame).toText()));
  }
  t.equal(merged.toText(), sketchOf(values, frame).toText());
});

t.test("sketches in different frames add up, with about twice the error", async (t) => {
  const one = Array.from({ length: 2_000 }, () => 20 + normal());
  const other = Array.from({ length: 2_000 }, () => 22 + 3 * normal());
  const [a, b] = [sketchOf(one), sketchOf(other)];
  t.not(a.frame, b.frame);
  const frame = commonFrame(a.frame, b.frame);
  t.equal(commonFrame(b.frame, a.frame), frame, "whichever came first");
  const merged = a.inFrame(frame);
  merged.merge(b);
  t.equal(merged.count, 4_000);
  for (const q of [0.05, 0.5, 0.95]) {
    const exact = exactQuantile([...one, ...other], q);
    t.ok(Math.abs((merged.quantile(q) ?? NaN) - exact) < 0.4, `q ${q}`);
  }
});

t.test("devices that see much the same choose the same frame, most of the time", async (t) => {
  const frames = Array.from({ length: 40 }, () =>
    JSON.stringify(frameOf(Array.from({ length: 64 }, () => 300 + normal()))),
  );
  t.ok(new Set(frames).size < 10, `${new Set(frames).size} frames`);
  t.same(frameOf([]).origin, 0);
  t.ok(frameOf([5, 5, 5, 5, 5, 5, 5, 9]).unit <= 0.5, "where most values are one, the others tell the scale");
});

t.test("the text of any sketch fits a cell", async (t) => {
  const sketch = new ValueSketch({ origin: -1.234567890123456e-300, unit: 1.1234567890123456e-300 });
  for (let n = 0; n < 20_000; n += 1) sketch.add((uniform() - 0.5) * 10 ** (600 * uniform() - 300), 1e9);
  const text = sketch.toText();
  t.ok(text.length <= Math.min(4_300, CELL_CHARS_MAX), `${text.length} characters`);
  t.equal(ValueSketch.fromText(text).count, 20_000e9);
});

t.test("bins ascend, hold every value once, and their middle lies within", async (t) => {
  const bins = sketchOf(Array.from({ length: 500 }, () => 5 + normal())).bins();
  t.equal(
    bins.reduce((sum, { count }) => sum + count, 0),
    500,
  );
  for (const [at, bin] of bins.entries()) {
    t.ok(bin.from < bin.at && bin.at < bin.to, "the middle lies within");
    t.ok(bin.from >= (bins[at - 1]?.to ?? -Infinity) - 1e-9, "no bin begins before the last one ends");
  }
});

t.test("nothing has no quantiles", async (t) => {
  const empty = ValueSketch.fromText(new ValueSketch(PLAIN_FRAME).toText());
  t.match({ count: empty.count, median: empty.quantile(0.5) }, { count: 0, median: undefined });
});

for (const text of ["", "0 1|||", "0 0||0|", "x 1||0|", "0 -1||0|", "0 1|!|0|", "0 1||0|zzz"]) {
  t.test(`${JSON.stringify(text)} is no value sketch`, async (t) => {
    t.throws(() => ValueSketch.fromText(text), { code: "MALFORMED" });
  });
}
