import t from "tap";
import { readFileSync } from "node:fs";
import { findMetric, GATE_METRICS, gateMistake } from "../../../controller/rollout/gate-metrics.ts";
import type { Gate } from "../../../controller/rollout/rollout-spec.ts";

t.test("every metric is found by its name", async (t) => {
  for (const metric of GATE_METRICS) t.same(findMetric(metric.name), { kind: "metric", metric });
});

t.test("the operator's guide has every metric, with the limits that it takes", async (t) => {
  const guide = readFileSync(new URL("../../../docs/OPERATING.md", import.meta.url), "utf8").split("\n");
  for (const { name, limits } of GATE_METRICS) {
    const row = guide.find((line) => line.startsWith("|") && line.includes(`\`${name}\``)) ?? "";
    t.ok(
      limits.every((limit) => row.includes(`\`${limit}\``)),
      name,
    );
  }
});

t.test("any numeric field of telemetry is a metric", async (t) => {
  t.match(findMetric("telemetry:health.temperatureCelsius"), {
    kind: "metric",
    metric: { measure: { kind: "field", record: "health", field: "temperatureCelsius" } },
  });
});

const sound: readonly Gate[] = [
  { metric: "error_rate", max: 0.01 },
  { metric: "error_rate", max: 0.01, maxRatio: 2 },
  { metric: "error_rate_increase", max: 0 },
  { metric: "latency_p95_ms", maxRatio: 1.2, minSamples: 50 },
  { metric: "agreement_top1", min: 0.98 },
  { metric: "crashes", max: 2 },
  { metric: "telemetry:health.temperatureCelsius", min: -20, max: 85 },
];
for (const gate of sound) {
  t.test(`${JSON.stringify(gate)} is sound`, async (t) => {
    t.equal(gateMistake(gate), undefined);
  });
}

const mistakes: readonly { readonly gate: Gate; readonly says: RegExp }[] = [
  {
    gate: { metric: "eror_rate", max: 0.01 },
    says: /no metric "eror_rate"; there are error_rate, .*telemetry:KIND.FIELD/,
  },
  { gate: { metric: "telemetry:helth.x", max: 1 }, says: /no telemetry records of kind "helth"; there are health/ },
  { gate: { metric: "drift_psi" }, says: /needs one limit: calibrated: true, or max/ },
  { gate: { metric: "drift_psi", max: 0.2, calibrated: true }, says: /needs one limit/ },
  { gate: { metric: "drift_psi", min: 0.2 }, says: /takes max or calibrated/ },
  { gate: { metric: "error_rate" }, says: /has no limit: give max or maxRatio/ },
  { gate: { metric: "error_rate", min: 0.1 }, says: /takes max or maxRatio, not min/ },
  { gate: { metric: "agreement_top1", max: 0.98 }, says: /takes min, not max/ },
  { gate: { metric: "agreement_top1", min: 98 }, says: /is a share/ },
  { gate: { metric: "latency_p95_ms", max: -1 }, says: /below 0/ },
  { gate: { metric: "crashes", calibrated: true }, says: /no calibrated limit/ },
];
for (const { gate, says } of mistakes) {
  t.test(`${JSON.stringify(gate)} is refused in words`, async (t) => {
    t.match(gateMistake(gate), says);
  });
}
