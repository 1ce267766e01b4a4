import t from "tap";
import {
  PREDICTION_AGE_MS_MAX,
  PREDICTIONS_BYTES_MAX,
  PREDICTIONS_MAX,
  PredictionWindow,
  type RememberedPrediction,
} from "../../../agent/monitor/prediction-window.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";

const slot = "m" as ModelName;

function prediction(id: string, changes: Partial<RememberedPrediction> = {}): RememberedPrediction {
  const of = { slot, version: "1.0.0" as ModelVersion, statement: "a".repeat(64) as StatementDigest };
  return { ...of, id, predicted: { kind: "class", index: 1 }, atMs: 0, ...changes };
}

t.test("a prediction is joined once", async (t) => {
  const window = new PredictionWindow();
  window.remember(prediction("r-1"));
  t.match(window.join(slot, "r-1", 1), { kind: "joined", prediction: { id: "r-1" } });
  window.judged(slot, "r-1");
  t.same(window.join(slot, "r-1", 2), { kind: "duplicate" });
  window.remember(prediction("r-1", { atMs: 3 }));
  t.same(window.join(slot, "r-1", 4), { kind: "duplicate" }, "also after the same request has come again");
});

t.test("another slot's id is another", async (t) => {
  const window = new PredictionWindow();
  window.remember(prediction("r-1"));
  t.same(window.join("other" as ModelName, "r-1", 0), { kind: "unknown" });
});

t.test("what is older than a day is forgotten", async (t) => {
  const window = new PredictionWindow();
  window.remember(prediction("old"));
  window.remember(prediction("new", { atMs: 10 }));
  t.match(window.join(slot, "old", PREDICTION_AGE_MS_MAX - 1), { kind: "joined" });
  t.same(window.join(slot, "old", PREDICTION_AGE_MS_MAX), { kind: "unknown" });
  t.match(window.join(slot, "new", PREDICTION_AGE_MS_MAX), { kind: "joined" });
});

t.test("there are at most so many, and the oldest goes first", async (t) => {
  const window = new PredictionWindow();
  for (let at = 0; at <= PREDICTIONS_MAX; at += 1) window.remember(prediction(`r-${at}`));
  t.equal(window.size, PREDICTIONS_MAX);
  t.same(window.join(slot, "r-0", 0), { kind: "unknown" });
  t.match(window.join(slot, "r-1", 0), { kind: "joined" });
});

t.test("they take at most so many bytes, whatever their ids and values are", async (t) => {
  const window = new PredictionWindow();
  const values = new Array<number>(96).fill(1);
  for (let at = 0; at < 10_000; at += 1) {
    window.remember(prediction(`${at}`.padStart(256, "x"), { predicted: { kind: "values", values } }));
  }
  t.ok(window.bytes <= PREDICTIONS_BYTES_MAX && window.size < 10_000, `${window.size} with ${window.bytes} bytes`);
  for (let at = 0; at < PREDICTIONS_MAX; at += 1) window.remember(prediction(`r-${at}`));
  t.ok(window.bytes <= PREDICTIONS_BYTES_MAX);
});
