import t from "tap";
import type { InferResponse, VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { createInferenceRecorder } from "../../../agent/telemetry/inference-recorder.ts";
import { systemClock } from "../../../common/clock.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";
import { checkInferenceFields } from "../../../protocol/messages/telemetry-inference.ts";
import type { RecordFields, RecordKind } from "../../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const digits = "digits" as ModelName;
const latest = "1.1.0" as ModelVersion;
const response = (version: string, inferMs: number): InferResponse => ({
  model: digits,
  version: version as ModelVersion,
  statement: "0".repeat(64) as StatementDigest,
  // The recorder looks at nothing of it.
  bundle: {} as VerifiedBundle,
  outputs: [],
  queueMs: 0.5,
  inferMs,
});

function openRecorder(intervalMs?: number) {
  const records: { kind: RecordKind; fields: RecordFields }[] = [];
  const outbox = { append: (kind: RecordKind, fields: RecordFields) => void records.push({ kind, fields }) };
  const options = intervalMs === undefined ? {} : { intervalMs };
  return { records, recorder: createInferenceRecorder({ outbox, clock: systemClock, log: quietLog, ...options }) };
}

t.test("an interval becomes one record for each slot and version", async (t) => {
  const { recorder, records } = openRecorder();
  for (let n = 1; n <= 100; n += 1) recorder.answered(digits, response("1.0.0", n));
  recorder.answered(digits, response("1.1.0", 7));
  for (const failure of ["queue-full", "queue-full", "timed-out"] as const) recorder.failed(digits, failure, latest);
  recorder.flush();
  t.match(
    records.map(({ fields }) => fields),
    [
      { slot: "digits", version: "1.0.0", "outcome.answered": 100 },
      { slot: "digits", version: "1.1.0", "outcome.answered": 1, "outcome.queue-full": 2, "outcome.timed-out": 1 },
    ],
  );
  const { inferSketch = "" } = checkInferenceFields(records[0]?.fields);
  t.ok(Math.abs(Number(Sketch.fromText(inferSketch).quantile(0.5)) - 50) <= 0.51);
  recorder.flush();
  t.equal(records.length, 2, "without traffic there is no record");
});

t.test("batches are told by their sizes, once requests were computed together", async (t) => {
  const { recorder, records } = openRecorder();
  recorder.executed?.(digits, latest, { requests: 1, inferMs: 1 });
  recorder.flush();
  for (const requests of [1, 8, 8]) recorder.executed?.(digits, latest, { requests, inferMs: 1 });
  recorder.flush();
  const [alone, together] = records.map(({ fields }) => checkInferenceFields(fields));
  t.equal(alone?.batchSketch, undefined);
  const sketch = Sketch.fromText(together?.batchSketch ?? "");
  t.equal(sketch.count, 3);
  t.equal(Math.round(sketch.quantile(1) ?? 0), 8);
});

t.test("a crash is an event at once, and counted", async (t) => {
  const { recorder, records } = openRecorder();
  recorder.crashed(digits, "1.0.0" as ModelVersion, "SIGSEGV");
  recorder.flush();
  t.match(records, [
    { kind: "event", fields: { event: "runner-crashed", slot: "digits", version: "1.0.0", why: "SIGSEGV" } },
    { kind: "inference", fields: { slot: "digits", crashes: 1 } },
  ]);
});

t.test("answers held against those of the version before are counted, with the largest difference", async (t) => {
  const { recorder, records } = openRecorder();
  for (const distance of [0.25, 0.5, 0.125]) recorder.compared?.(digits, latest, { isSame: distance < 0.5, distance });
  recorder.flush();
  recorder.compared?.(digits, latest, { isSame: true, distance: 0.1 });
  recorder.compared?.(digits, latest, { isSame: false, distance: undefined });
  recorder.flush();
  const [first, second] = records.map(({ fields }) => checkInferenceFields(fields));
  t.match(first, { version: latest, agreementCompared: 3, agreementSame: 2, agreementDistanceMax: 0.5 });
  t.match(second, { agreementCompared: 2, agreementSame: 1, agreementDistanceMax: undefined }, "NaN has no distance");
});

t.test(
  "copies for a shadow are counted by what became of them, and times that were disturbed are not kept",
  async (t) => {
    const { recorder, records } = openRecorder();
    recorder.copied?.(digits, latest, { kind: "answered", inferMs: 7 });
    recorder.copied?.(digits, latest, { kind: "answered", inferMs: undefined });
    recorder.copied?.(digits, latest, { kind: "failed" });
    recorder.copied?.(digits, latest, { kind: "dropped" });
    recorder.flush();
    const fields = checkInferenceFields(records[0]?.fields);
    t.match(fields, { version: latest, copiesAnswered: 2, copiesFailed: 1, copiesDropped: 1 });
    t.equal(Sketch.fromText(fields.inferSketch ?? "").count, 1);
    t.notOk("outcome.answered" in fields, "no caller got an answer");
  },
);

t.test("truth counts in the interval in which it comes", async (t) => {
  const { recorder, records } = openRecorder();
  for (const predicted of ["7", "7", "1"]) {
    recorder.judged(digits, latest, { kind: "class", predicted, actual: "7" });
  }
  for (const absolute of [1, 3]) recorder.judged(digits, latest, { kind: "values", absolute, square: absolute ** 2 });
  recorder.flush();
  t.match(checkInferenceFields(records[0]?.fields), {
    version: latest,
    feedbackJudged: 3,
    feedbackRight: 2,
    feedbackClasses: '[["7",2,0,1],["1",0,1,0]]',
    feedbackPairs: '[["7","1",1]]',
    feedbackMeasured: 2,
    feedbackAbsoluteMean: 2,
    feedbackSquareMean: 5,
  });
});

t.test("how sure answers are of their class is told as a mean", async (t) => {
  const { recorder, records } = openRecorder();
  const scores = (values: readonly number[]) => ({
    ...response("1.1.0", 1),
    outputs: [
      { name: "p", datatype: "FP32", shape: [1, 2], bytes: new Uint8Array(Float32Array.from(values).buffer) } as const,
    ],
  });
  recorder.answered(digits, scores([0.25, 0.75]));
  recorder.answered(digits, scores([0.5, 0.5]));
  recorder.answered(digits, response("1.1.0", 1));
  recorder.flush();
  t.match(checkInferenceFields(records[0]?.fields), { confidenceCount: 2, confidenceMean: 0.625 });
});

t.test(
  "a version that begins to soak is told of every two seconds, and after two minutes as all others are",
  async (t) => {
    const records: RecordFields[] = [];
    const outbox = { append: (_: RecordKind, fields: RecordFields) => void records.push(fields) };
    const clock = virtualClock();
    const recorder = createInferenceRecorder({ outbox, clock, log: quietLog });
    const stopping = new AbortController();
    const running = recorder.run(stopping.signal);
    const pass = async (seconds: number, isCompared: boolean) => {
      const before = records.length;
      for (let second = 0; second < seconds; second += 1) {
        recorder.answered(digits, response("1.0.0", 3));
        if (isCompared) recorder.compared?.(digits, latest, { isSame: true, distance: 0 });
        await clock.advance(1_000);
      }
      return (records.length - before) / (isCompared ? 2 : 1);
    };
    t.equal(await pass(60, false), 6);
    t.equal(await pass(60, true), 30);
    t.ok((await pass(120, true)) > 30);
    t.equal(await pass(60, true), 6);
    stopping.abort();
    await running;
  },
);

t.test("what was summed up is recorded when the program ends", async (t) => {
  const { recorder, records } = openRecorder(60_000);
  const stopping = new AbortController();
  const running = recorder.run(stopping.signal);
  recorder.answered(digits, response("1.0.0", 3));
  stopping.abort();
  await running;
  t.equal(records.length, 1);
});

t.test("what pictures and sounds take before and after the model is told too", async (t) => {
  const { recorder, records } = openRecorder();
  recorder.answered(digits, response("1.1.0", 7));
  for (const preMs of [10, 20, 30]) recorder.processed(digits, latest, { preMs, postMs: preMs / 10 });
  recorder.flush();
  const { preSketch = "", postSketch = "" } = checkInferenceFields(records[0]?.fields);
  t.equal(Sketch.fromText(preSketch).count, 3);
  t.ok(Math.abs((Sketch.fromText(postSketch).quantile(0.5) ?? 0) - 2) < 0.05);
});
