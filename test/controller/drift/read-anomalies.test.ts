import t from "tap";
import { exceedanceProbability } from "../../../controller/drift/exceedance.ts";
import { readAnomalies, type AnomalyQuery } from "../../../controller/drift/read-anomalies.ts";
import { openScoreTotals } from "../../../controller/metrics/score-totals.ts";
import type { Baseline } from "../../../protocol/bundle/baseline.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const baseline: Baseline = {
  formatVersion: 1,
  samples: 1_000,
  features: [],
  detectors: {
    features: [{ name: "x", centre: 0, scale: 1 }],
    falseAlarms: 0.01,
    calibratedWith: 500,
    robustZ: { threshold: 4 },
  },
};

function scores(count: number, anomalous: number, version = "1.0.0"): RecordFields {
  const sketch = new ValueSketch();
  for (let at = 0; at < count; at += 1) sketch.add(at < anomalous ? 9 : 1);
  const id = { slot: "digits", version, feature: "robust-z", role: "score", type: "number" };
  return { ...id, windowMs: 300_000, seen: count, count, missing: 0, valueSketch: sketch.toText(), anomalous };
}

function farthest(count: number): RecordFields {
  const id = { slot: "digits", version: "1.0.0", feature: "farthest-feature", role: "score", type: "category" };
  return { ...id, windowMs: 300_000, seen: 500, count, missing: 0, categories: `[["x",${count}]]` };
}

const kind = "distribution" as const;
const atMs = (minutes: number) => 1_000_000 + minutes * 60_000;
const query: AnomalyQuery = { nowMs: atMs(60), windowMs: 3_600_000, by: "device" };

t.test(
  "the device with more anomalies than the baseline's own is named, with what is unusual and since when",
  async (t) => {
    await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
    await addTo(store, [
      { device: "bad", seq: 0, atMs: atMs(0), kind, fields: scores(400, 4) },
      { device: "bad", seq: 1, atMs: atMs(30), kind, fields: scores(400, 60) },
      { device: "bad", seq: 2, atMs: atMs(30), kind, fields: farthest(60) },
      { device: "good", seq: 0, atMs: atMs(0), kind, fields: scores(800, 12) },
      { device: "young", seq: 0, atMs: atMs(0), kind, fields: scores(20, 20) },
      {
        device: "bare",
        seq: 0,
        atMs: atMs(0),
        kind: "inference",
        fields: { slot: "pets", version: "2.0.0", intervalMs: 1 },
      },
    ]);
    const baselineOf = (slot: string) => Promise.resolve(slot === "digits" ? baseline : undefined);
    const verdicts = await readAnomalies({ store, baselineOf }, query);
    t.match(verdicts, [
      { device: "bad", state: "anomalous", examples: 800, anomalous: 64, farthest: [{ feature: "x", examples: 60 }] },
      { state: "inconclusive", device: "young", sentence: /20 examples are too few/ },
      { state: "not-scored", slot: "pets", device: undefined, sentence: /ferry bundle baseline/ },
      { state: "usual", device: "good", expectedShare: 0.01, detectors: [{ name: "robust-z", threshold: 4 }] },
    ]);
    t.match(
      verdicts[0]?.sentence,
      /^digits@1\.0\.0 on bad: 8 % of 800 examples are unusual, 1 % is normal\. Mostly x is far/,
    );
    t.equal(verdicts[0]?.sinceMs, verdicts[0]?.spans.at(-1)?.fromMs, "the first half was as usual");
    const [whole] = await readAnomalies({ store, baselineOf }, { ...query, slot: "digits", by: "model" });
    t.match(whole, {
      devices: 3,
      examples: 1_620,
      anomalous: 96,
      sentence: /Which devices: ferry anomalies digits@1\.0\.0/,
    });
    const unknown = await readAnomalies(
      { store, baselineOf: () => Promise.resolve(undefined) },
      { ...query, slot: "digits" },
    );
    t.match(unknown[0], { state: "inconclusive", sentence: /not in the catalogue/ });
  },
);

t.test("a device that only counts is judged all the same", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const { valueSketch: _, ...counted } = scores(500, 90);
  await addTo(store, [{ device: "metered", seq: 0, atMs: atMs(0), kind, fields: { ...counted, untold: 500 } }]);
  const [verdict] = await readAnomalies({ store, baselineOf: () => Promise.resolve(baseline) }, query);
  t.match(verdict, { state: "anomalous", anomalous: 90, detectors: [{ median: undefined }] });
});

t.test("Prometheus gets the last hour by version and detector", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const now = Date.now();
  await addTo(store, [
    { device: "a", seq: 0, atMs: now, kind, fields: scores(100, 1) },
    { device: "b", seq: 0, atMs: now, kind, fields: scores(100, 2) },
    { device: "b", seq: 1, atMs: now - 4_000_000, kind, fields: scores(100, 50) },
  ]);
  const totals = openScoreTotals(store);
  const labels = { slot: "digits", version: "1.0.0", detector: "robust-z" };
  t.same(await totals("examples"), [{ labels, value: 200 }]);
  t.same(await totals("anomalous"), [{ labels, value: 3 }]);
});

t.test("a threshold that samples set is not taken for exact", async (t) => {
  const calibration = { samples: 500, falseAlarms: 0.01 };
  const cases = [
    // scipy.stats.betabinom.sf(x - 1, n, 5, 496), made by the sum of its terms in exact fractions
    { beyond: 0, examples: 100, expected: "1.000000" },
    { beyond: 3, examples: 100, expected: "0.094594" },
    { beyond: 30, examples: 1_000, expected: "0.003612" },
  ];
  for (const { beyond, examples, expected } of cases) {
    t.equal(exceedanceProbability(calibration, { beyond, examples }).toFixed(6), expected, `${beyond} of ${examples}`);
  }
  t.ok(
    exceedanceProbability(calibration, { beyond: 50_000, examples: 1_000_000 }) < 1e-6,
    "a million are no more work",
  );
});
