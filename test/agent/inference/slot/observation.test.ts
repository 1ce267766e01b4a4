import t from "tap";
import { CRASH_WINDOW_MS } from "../../../../agent/inference/inference-engine.ts";
import { LATENCIES_MAX, Observation } from "../../../../agent/inference/slot/observation.ts";

t.test("nothing has been observed before the first request", async (t) => {
  t.same(new Observation().figures(0), {
    requests: 0,
    failed: 0,
    badOutputs: 0,
    crashes: 0,
    recentCrashes: 0,
    timed: 0,
    latencyP95Ms: undefined,
  });
});

t.test("requests are counted by how they ended", async (t) => {
  const observation = new Observation();
  observation.answered({ inferMs: 1, hasBadOutput: false });
  observation.answered({ inferMs: 1, hasBadOutput: true });
  observation.failed(true);
  observation.failed(false);
  t.match(observation.figures(0), { requests: 4, failed: 1, badOutputs: 1 });
});

t.test("crashes older than a minute are not recent", async (t) => {
  const observation = new Observation();
  for (const atMs of [0, 1_000, 59_000]) observation.crashed(atMs);
  t.match(observation.figures(59_000), { crashes: 3, recentCrashes: 3 });
  t.match(observation.figures(1_000 + CRASH_WINDOW_MS), { crashes: 3, recentCrashes: 1 });
});

t.test("the 95th percentile is that of the latest answers", async (t) => {
  const observation = new Observation();
  for (let ms = 1; ms <= 100; ms += 1) observation.answered({ inferMs: ms, hasBadOutput: false });
  t.equal(observation.figures(0).latencyP95Ms, 95);
  for (let at = 0; at < LATENCIES_MAX; at += 1) observation.answered({ inferMs: 3, hasBadOutput: false });
  t.equal(observation.figures(0).latencyP95Ms, 3);
});
