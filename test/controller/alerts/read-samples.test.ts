import t from "tap";
import { inferenceSamples, readSamples, rolloutSamples } from "../../../controller/alerts/read-samples.ts";
import { openStore } from "../../../controller/store/store.ts";
import { InferenceSum } from "../../../protocol/inference-sum.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { NOW_MS } from "../../support/device-views.ts";

function inference(answered: number, failed: number, latencyMs: number) {
  const sketch = new Sketch();
  for (let n = 0; n < answered; n += 1) sketch.add(latencyMs);
  const sum = new InferenceSum();
  sum.add({
    slot: "digits",
    version: "1.0.0",
    intervalMs: 10_000,
    crashes: 1,
    "outcome.answered": answered,
    "outcome.model-failed": failed,
    inferSketch: sketch.toText(),
  });
  return { slot: "digits", version: "1.0.0", devices: 1, sum };
}

t.test("errors are a ratio, and latency is held against its own past", async (t) => {
  const samples = inferenceSamples([inference(90, 10, 4)], [inference(90, 0, 2)]);
  const value = (metric: string) => samples.find((sample) => sample.metric === metric)?.value;
  t.equal(value("error_ratio"), 0.1);
  t.equal(value("runner_crashes"), 1);
  t.ok(Math.abs((value("latency_p95_ratio") ?? 0) - 2) < 0.1);
});

t.test("few requests say nothing of a ratio, and a version without a past has none", async (t) => {
  t.same(
    inferenceSamples([inference(20, 10, 4)], []).map(({ metric }) => metric),
    ["runner_crashes"],
  );
  t.same(
    inferenceSamples([inference(90, 10, 4)], []).map(({ metric }) => metric),
    ["runner_crashes", "error_ratio"],
  );
});

t.test(
  "a rollout needs a person where it is paused, waits for a yes, or failed as the newest of its model",
  async (t) => {
    const rollout = (
      id: number,
      state: "failed" | "paused" | "running" | "completed",
      stage_phase: "approval" | "soaking" = "soaking",
    ) => ({
      id,
      name: "digits" as ModelName,
      version: "1.0.0" as ModelVersion,
      state,
      stage_phase,
    });
    const needy = (...rollouts: ReturnType<typeof rollout>[]) =>
      rolloutSamples(rollouts)
        .filter(({ value }) => value === 1)
        .map(({ labels }) => labels["rollout"]);
    t.same(needy(rollout(3, "failed"), rollout(2, "failed")), ["3"]);
    t.same(needy(rollout(4, "completed"), rollout(3, "failed"), rollout(2, "paused")), ["2"]);
    t.same(needy(rollout(4, "running", "approval"), rollout(3, "running")), ["4"]);
  },
);

t.test("an empty fleet has a root, and nothing else to be told of", async (t) => {
  await using opened = await openStore(`${t.testdir()}/controller.db`);
  const samples = await readSamples(opened.store, {
    nowMs: NOW_MS,
    rootExpiresMs: NOW_MS + 10 * 86_400_000,
    readSlow: () => Promise.resolve([]),
  });
  t.same(samples, [{ metric: "root_days_left", labels: {}, value: 10 }]);
});
