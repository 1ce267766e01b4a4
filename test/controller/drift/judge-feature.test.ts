import t from "tap";
import {
  calibratedThreshold,
  FALSE_ALARMS,
  judgeFeature,
  SAMPLES_MIN,
} from "../../../controller/drift/judge-feature.ts";
import { CategoryCounts } from "../../../protocol/category-counts.ts";
import { frameOf, ValueSketch } from "../../../protocol/value-sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const uniform = seededRandom(5);

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const draw = (count: number, value: () => number) => Array.from({ length: count }, value);

function numbers(values: readonly number[], frame = frameOf(values), missing = 0) {
  const sketch = new ValueSketch(frame);
  for (const value of values) sketch.add(value);
  return { values: sketch, categories: new CategoryCounts(), count: values.length + missing, missing };
}

function classes(counts: Readonly<Record<string, number>>) {
  const categories = new CategoryCounts();
  for (const [name, count] of Object.entries(counts)) categories.add(name, count);
  return { values: new ValueSketch(), categories, count: categories.count, missing: 0 };
}

function isDrifting(judgement: ReturnType<typeof judgeFeature>): boolean {
  return judgement.kind === "judged" && judgement.statistics.psi > judgement.threshold;
}

t.test("without drift about one window in a hundred is called drifting, over 10,000 windows", async (t) => {
  const frame = { origin: 0, unit: 0.5 };
  let alarms = 0;
  const windows = 10_000;
  for (let reference = 0; reference < windows / 100; reference += 1) {
    const before = numbers(draw(1_000, normal), frame);
    for (let window = 0; window < 100; window += 1) {
      if (isDrifting(judgeFeature("number", before, numbers(draw(100, normal), frame)))) alarms += 1;
    }
  }
  const rate = alarms / windows;
  t.ok(rate >= 0.005 && rate <= 0.02, `${(100 * rate).toFixed(2)} % of the windows`);
});

t.test("a shift by half a standard deviation is seen in nearly every window of 300", async (t) => {
  const before = numbers(draw(2_000, normal));
  const seen = draw(100, () => 0).filter(() =>
    isDrifting(
      judgeFeature(
        "number",
        before,
        numbers(
          draw(300, () => 0.5 + normal()),
          before.values.frame,
        ),
      ),
    ),
  );
  t.ok(seen.length >= 95, `${seen.length} of 100`);
});

t.test("a constant that is one no more is seen, and so are values that are missing", async (t) => {
  const before = numbers(draw(500, () => 0));
  t.ok(
    isDrifting(
      judgeFeature(
        "number",
        before,
        numbers(
          draw(100, () => 3),
          before.values.frame,
        ),
      ),
    ),
  );
  const missing = numbers(
    draw(60, () => 0),
    before.values.frame,
    40,
  );
  const judgement = judgeFeature("number", before, missing);
  t.ok(isDrifting(judgement));
  t.match(judgement, { statistics: { missing: 0.4, referenceMissing: 0 } });
});

t.test("classes that change their shares are seen, those that do not are not", async (t) => {
  const before = classes({ cat: 500, dog: 500 });
  t.notOk(isDrifting(judgeFeature("category", before, classes({ cat: 260, dog: 240 }))));
  t.ok(isDrifting(judgeFeature("category", before, classes({ cat: 400, dog: 100 }))));
  t.match(judgeFeature("category", before, classes({ cow: 100 })), { statistics: { unknown: 1 } });
});

t.test("a class that takes ten points more of the answers is seen among a thousand", async (t) => {
  const even = classes(Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`class ${at}`, 100])));
  const often = classes({
    "class 0": 200,
    ...Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`class ${at + 1}`, 89])),
  });
  t.ok(isDrifting(judgeFeature("category", even, often)));
  t.ok(isDrifting(judgeFeature("category", classes({ yes: 500, no: 500 }), classes({ yes: 600, no: 400 }))));
});

t.test("too few examples on either side say nothing", async (t) => {
  const [few, many] = [numbers(draw(SAMPLES_MIN - 1, normal)), numbers(draw(500, normal))];
  t.match(judgeFeature("number", few, many), { kind: "too-few" });
  t.match(judgeFeature("number", many, few), { kind: "too-few" });
});

t.test("the threshold falls with the number of examples to what matters", async (t) => {
  t.equal(calibratedThreshold("number", 1e-6, 9), 0.1);
  t.equal(calibratedThreshold("category", 1e-6, 9), 0.02);
  t.ok(
    Math.abs(calibratedThreshold("number", 0.02, 9) - 0.4333) < 1e-3,
    "0.02 times 21.67, the 99th percentile of χ² with 9 degrees",
  );
  t.equal(FALSE_ALARMS, 0.01);
});
