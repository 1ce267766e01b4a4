import t from "tap";
import { readDrift, readDriftPictures } from "../../../controller/drift/read-drift.ts";
import { drawDrift } from "../../../controller/cli/drift-picture.ts";
import type { Baseline } from "../../../protocol/bundle/baseline.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const uniform = seededRandom(9);
const frame = { origin: 0, unit: 1 };

function textOf(count: number, shift: number): string {
  const sketch = new ValueSketch(frame);
  for (let n = 0; n < count; n += 1) sketch.add(uniform() * 4 - 2 + shift);
  return sketch.toText();
}

function record(feature: string, count: number, shift: number): RecordFields {
  const id = { slot: "digits", version: "1.0.0", feature, role: "input", type: "number" };
  return { ...id, windowMs: 300_000, seen: count, count, missing: 0, valueSketch: textOf(count, shift) };
}

const steady = ["a", "b", "c", "d", "e", "f"];
const baseline: Baseline = {
  formatVersion: 1,
  samples: 1_000,
  features: [...steady, "moved"].map((name) => ({
    name,
    role: "input",
    type: "number",
    count: 1_000,
    missing: 0,
    valueSketch: textOf(1_000, 0),
  })),
};
const none = () => Promise.resolve(undefined);
const query = { nowMs: 600_000, windowMs: 600_000 };

t.test("of many features the one that moved is named, with what to do next", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const features = [...steady, "moved"];
  await addTo(
    store,
    features.flatMap((feature, at) =>
      ["d1", "d2"].map((device, of) => ({
        device,
        seq: at,
        kind: "distribution" as const,
        fields: record(feature, 200, feature === "moved" && of === 1 ? 2 : 0),
      })),
    ),
  );
  const verdicts = await readDrift({ store, baselineOf: () => Promise.resolve(baseline) }, query);
  t.same(
    verdicts.filter(({ isDrifting }) => isDrifting).map(({ feature }) => feature),
    ["moved"],
  );
  t.match(verdicts[0], { slot: "digits", samples: 400, devices: ["d1", "d2"], reference: "bundle", sinceMs: Number });
  t.match(verdicts[0]?.sentence, /^moved of digits@1\.0\.0 differs from the bundle's baseline on 2 devices/);
  t.match(verdicts[1], { state: "steady" });
  const ports = { store, baselineOf: () => Promise.resolve(baseline) };
  const one = await readDrift(ports, { ...query, devices: ["d1" as never] });
  t.notOk(
    one.some(({ isDrifting }) => isDrifting),
    "d1 alone is as it was",
  );
  const { pictures, features: known } = await readDriftPictures(ports, query, "moved");
  t.equal(known.length, 7);
  t.match(pictures, [{ verdict: { feature: "moved" } }]);
  const [picture] = pictures;
  t.match(picture && drawDrift(picture), /reference \(bundle, 1000\).*now \(400\)[\s\S]*█/);
});

t.test("without a baseline a version's first examples are its reference", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const at = (seq: number, shift: number) => ({
    seq: seq * 60_000,
    kind: "distribution" as const,
    fields: record("x", 500, shift),
  });
  await addTo(store, [at(0, 0)]);
  const [first] = await readDrift({ store, baselineOf: none }, query);
  t.match(first, { state: "inconclusive", samples: 0, sentence: /all examples so far are its reference/ });
  await addTo(store, [at(1, 0), at(2, 0), at(3, 0)]);
  const [before] = await readDrift({ store, baselineOf: none }, query);
  t.match(before, { state: "steady", reference: "fleet", referenceSamples: 1_000, samples: 1_000 });
  await addTo(store, [at(4, 1.5), at(5, 1.5)]);
  const [after] = await readDrift({ store, baselineOf: none }, query);
  t.match(after, { state: "drifting" });
  t.ok(Math.abs((after?.sinceMs ?? 0) - 240_500) < 10_000, `since ${after?.sinceMs}`);
  const [chosen] = await readDrift(
    { store, baselineOf: none },
    { ...query, referenceMs: { from: 240_000, to: 290_000 } },
  );
  t.match(chosen, { state: "steady", referenceSamples: 500 }, "against a window of one's own choice");
});

t.test("too few examples are never called calm", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  await addTo(store, [
    { seq: 1, kind: "distribution", fields: record("x", 10, 0) },
    { seq: 2, kind: "distribution", fields: { feature: "no distribution" } },
  ]);
  const [verdict, another] = await readDrift({ store, baselineOf: none }, query);
  t.match(verdict, { state: "inconclusive", isDrifting: false, sentence: /no reference yet/ });
  t.equal(another, undefined, "a record that cannot be read is left out");
});

t.test("devices that only count leave drift unmeasured, never calm", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const { valueSketch: _, ...counted } = record("moved", 700, 2);
  await addTo(store, [{ seq: 0, kind: "distribution", fields: { ...counted, untold: 700 } }]);
  const [verdict] = await readDrift({ store, baselineOf: () => Promise.resolve(baseline) }, query);
  t.match(verdict, { state: "not-measured", isDrifting: false, samples: 0, untold: 700, sentence: /only counted/ });
});
