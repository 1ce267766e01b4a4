import t from "tap";
import { createDistributionRecorder } from "../../../agent/monitor/distribution-recorder.ts";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { systemClock } from "../../../common/clock.ts";
import { CategoryCounts } from "../../../protocol/category-counts.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";
import type { RecordFields, RecordKind } from "../../../protocol/messages/telemetry-batch.ts";
import { checkDistributionFields } from "../../../protocol/messages/telemetry-distribution.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { tensorFromValues } from "../../../protocol/tensor-values.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

const slot = "pets" as ModelName;

function openRecorder(directory: string, baseline?: string) {
  const records: { kind: RecordKind; fields: RecordFields }[] = [];
  const outbox = { append: (kind: RecordKind, fields: RecordFields) => void records.push({ kind, fields }) };
  const model = {
    name: slot,
    version: "1.0.0" as ModelVersion,
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
    outputs: [{ name: "scores", datatype: "FP32", shape: [-1, 3] }],
    ...(baseline === undefined ? {} : { baseline }),
  };
  const bundle = { directory, model } as unknown as VerifiedBundle;
  const recorder = createDistributionRecorder({ outbox, clock: systemClock, log: quietLog });
  const ask = (rows: readonly (readonly number[])[], best: number) => {
    const bytes = new Uint8Array(Float32Array.from(rows.flat()).buffer);
    const x: Tensor = { name: "x", datatype: "FP32", shape: [rows.length, 2], bytes };
    const scores = rows.map(() => [0, 1, 2].map((at) => (at === best ? 0.75 : 0.125)));
    const output = tensorFromValues({ name: "scores", datatype: "FP32", shape: [rows.length, 3] }, scores);
    const response = { model: slot, version: model.version, statement: "0".repeat(64) as StatementDigest, bundle };
    recorder.exchanged?.(slot, [x], { ...response, outputs: [output], queueMs: 0, inferMs: 1 });
  };
  return { records, recorder, ask };
}

t.test("each input and output becomes one record of a window with traffic", async (t) => {
  const { records, recorder, ask } = openRecorder(t.testdir({}));
  ask([[9, 9]], 0);
  await new Promise(setImmediate);
  for (let n = 0; n < 10; n += 1) {
    ask(
      [
        [n, -n],
        [n, NaN],
      ],
      1,
    );
  }
  recorder.flush();
  const features = records.map(({ fields }) => checkDistributionFields(fields));
  t.same(
    features.map(({ feature, role, type }) => `${role} ${type} ${feature}`),
    ["input number x[0]", "input number x[1]", "output category scores.class", "output number scores.confidence"],
  );
  const [first, second, predicted, confidence] = features;
  t.match(first, { slot: "pets", version: "1.0.0", seen: 20, count: 20, missing: 0 });
  t.match(second, { count: 20, missing: 10 });
  t.equal(ValueSketch.fromText(second?.valueSketch ?? "").count, 10);
  t.equal(CategoryCounts.fromText(predicted?.categories ?? "").of("1"), 20);
  t.ok(Math.abs((ValueSketch.fromText(confidence?.valueSketch ?? "").quantile(0.5) ?? 0) - 0.75) < 0.01);
  t.notMatch(JSON.stringify(records), /"values"|bytes/, "no value itself is told");
  recorder.flush();
  t.equal(records.length, 4, "without traffic there is no record");
});

t.test("a baseline gives the frames, and the categories that are told by name", async (t) => {
  const features = [
    { name: "x[0]", role: "input", type: "number", count: 1, missing: 0, valueSketch: "128 4||1|" },
    { name: "scores.class", role: "output", type: "category", count: 1, missing: 0, categories: '[["0",1]]' },
  ];
  const file = JSON.stringify({ formatVersion: 1, samples: 1, features });
  const { records, recorder, ask } = openRecorder(t.testdir({ "baseline.json": file }), "baseline.json");
  ask([[1, 1]], 0);
  for (let turn = 0; turn < 50 && records.length === 0; turn += 1) {
    await systemClock.sleep(2, new AbortController().signal);
    ask([[130, 1]], 2);
    recorder.flush();
  }
  t.match(
    records.find(({ fields }) => fields["feature"] === "x[0]"),
    { fields: { valueSketch: /^128 4\|/ } },
  );
  t.match(
    records.find(({ fields }) => fields["feature"] === "scores.class"),
    { fields: { categories: /^\[\[null,/ } },
  );
});

t.test("a baseline that cannot be read is gone without", async (t) => {
  const { records, recorder, ask } = openRecorder(t.testdir({ "baseline.json": "nonsense" }), "baseline.json");
  ask([[1, 1]], 0);
  for (let turn = 0; turn < 50 && records.length === 0; turn += 1) {
    await systemClock.sleep(2, new AbortController().signal);
    ask([[130, 1]], 2);
    recorder.flush();
  }
  t.ok(records.length > 0);
});

t.test("with detectors each example is scored, and what is told are counts and sketches", async (t) => {
  const detectors = {
    features: [
      { name: "x[0]", centre: 100, scale: 10 },
      { name: "x[1]", centre: 0, scale: 1 },
    ],
    falseAlarms: 0.01,
    calibratedWith: 500,
    robustZ: { threshold: 4 },
    mahalanobis: { threshold: 5, factor: [1, -2, 2], offset: [0, 0] },
  };
  const file = JSON.stringify({ formatVersion: 1, samples: 1, features: [], detectors });
  const { records, recorder, ask } = openRecorder(t.testdir({ "baseline.json": file }), "baseline.json");
  ask([[100, 0]], 0);
  for (let turn = 0; turn < 50 && records.length === 0; turn += 1) {
    await systemClock.sleep(2, new AbortController().signal);
    ask(
      [
        [110, 1],
        [130, -1],
        [110, 9],
        [100, NaN],
      ],
      2,
    );
    recorder.flush();
  }
  const scores = records.map(({ fields }) => checkDistributionFields(fields)).filter(({ role }) => role === "score");
  t.match(scores, [
    { feature: "robust-z", count: 4, anomalous: 2, missing: 0 },
    // W z of [3, -1]: [3, -8].
    { feature: "mahalanobis", count: 4, anomalous: 3 },
    { feature: "farthest-feature", count: 3, categories: '[["x[1]",2],["x[0]",1]]' },
  ]);
  t.equal(
    Math.round(ValueSketch.fromText(scores[1]?.valueSketch ?? "").quantile(0.34) ?? 0),
    9,
    "√(3² + 8²) within 5 %",
  );
});
