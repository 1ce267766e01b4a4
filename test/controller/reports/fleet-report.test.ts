import t from "tap";
import { buildFleetReport, type FleetReportRows } from "../../../controller/reports/fleet-report.ts";
import type { RolloutRow } from "../../../controller/store/tables.ts";
import type { DeviceId, ModelVersion } from "../../../protocol/ids.ts";
import { InferenceSum } from "../../../protocol/inference-sum.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import {
  deviceView,
  DIGITS,
  FLEET,
  NOW_MS,
  reportOf,
  serving,
  slotFor,
  statement,
} from "../../support/device-views.ts";

const rollout: RolloutRow = {
  id: 3,
  statement: statement("b"),
  name: DIGITS,
  version: "2.0.0" as ModelVersion,
  selector: "all devices",
  state: "failed",
  created_ms: NOW_MS - 60_000,
  finished_ms: NOW_MS,
  spec_json: null,
  label: null,
  author: "ada",
  why: null,
  stage: 0,
  stage_phase: "deploying",
  stage_since_ms: NOW_MS,
  approvals_json: "[]",
  gates_json: null,
  gates_waived_stage: null,
  failures_accepted: 0,
  priority: 0,
  follow: 0,
};
function sketchOf(...values: number[]): string {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch.toText();
}

const sum = new InferenceSum();
const inference = (answered: number, failed: number, ...latencies: number[]) => {
  sum.add({
    slot: "digits",
    version: "2.0.0",
    intervalMs: 10_000,
    "outcome.answered": answered,
    "outcome.model-failed": failed,
    inferSketch: sketchOf(...latencies),
  });
};
inference(100, 0, 1, 1, 1, 9);
inference(90, 10, 2);

const rows: FleetReportRows = {
  fleet: FLEET,
  nowMs: NOW_MS,
  windowMs: 3_600_000,
  rootExpiresMs: NOW_MS + 365 * 86_400_000,
  devices: [
    deviceView("cam-1", { report: reportOf("cam-1", { slots: [serving("b", "2.0.0")] }) }),
    deviceView("cam-2", {
      online: false,
      deployment: { device: "cam-2" as DeviceId, seq: 2, slots: [slotFor("b", "2.0.0")] },
      report: reportOf("cam-2", { slots: [serving("a", "1.0.0")] }),
    }),
    deviceView("cam-3", {
      deployment: { device: "cam-3" as DeviceId, seq: 2, slots: [slotFor("b", "2.0.0")] },
      report: reportOf("cam-3", { fresh: false, refusal: { code: "deployment-signature", message: "m" } }),
    }),
    deviceView("cam-4", { info: undefined }),
  ],
  rollouts: [
    {
      rollout,
      counts: { devices: 2, proven: 1, failed: 1 },
      open: [{ device: "cam-2" as DeviceId, state: "failed", why: "self-test: NaN" }],
    },
  ],
  inference: [{ slot: "digits", version: "2.0.0", devices: 2, sum }],
  telemetry: { streams: 2, produced: 110, received: 100, declared: 4, outstanding: 5, missing: 1, lossUnknown: 0 },
};

t.test("availability, versions and rollouts are counted", async (t) => {
  const { availability, models, rollouts } = buildFleetReport(rows);
  t.match(availability, { devices: 4, online: 3, share: 0.75, offline: [{ device: "cam-2", text: /since/ }] });
  t.match(models, [{ model: "digits", versions: [{ devices: 1 }, { devices: 1 }], missing: 1 }]);
  t.match(rollouts, [{ id: 3, devices: 2, proven: 1, failed: 1, open: [{ device: "cam-2", text: "self-test: NaN" }] }]);
});

t.test("latency and errors add up over devices", async (t) => {
  const [total] = buildFleetReport(rows).inference;
  t.match(total, { slot: "digits", version: "2.0.0", devices: 2, requests: 200, failed: 10, errorRate: 0.05 });
  t.ok(Math.abs((total?.latencyP50Ms ?? 0) - 1) < 0.05, "the median of five latencies is 1 ms");
  t.ok(Math.abs((total?.latencyP95Ms ?? 0) - 2) < 0.1, "the fourth of five stands below 95 %");
});

t.test("each finding says what to do next, the most urgent first", async (t) => {
  const { findings } = buildFleetReport(rows);
  const texts = findings.map(({ severity, text }) => `${severity}: ${text}`);
  t.same(texts, [
    "critical: Rollout 3 of digits@2.0.0 failed on 1 of 2 devices",
    "critical: 1 device refused a deployment (deployment-signature)",
    "warning: 1 of 4 devices offline",
    "warning: 1 device without digits, although it is to be served there",
    "warning: digits@2.0.0 failed 10 requests, 5.0 % of all",
    "warning: 1 device without a trusted time: nothing is installed there until they have one",
    "warning: 1 telemetry records are neither here nor declared as lost",
    "note: 1 device never told a key and hardware: no rollout can count on them",
    "note: 4 telemetry records were declared as lost",
    "note: digits runs in 2 versions (2.0.0, 1.0.0), and no rollout of it is under way",
  ]);
  t.ok(findings.every(({ next }) => next.length > 20));
});

t.test("records that devices added up are no loss, and told apart from it", async (t) => {
  const telemetry = { ...rows.telemetry, declared: 124, rolledUp: 120 };
  const texts = buildFleetReport({ ...rows, telemetry }).findings.map(({ text }) => text);
  t.ok(texts.includes("4 telemetry records were declared as lost"));
  t.ok(texts.some((text) => text.startsWith("120 telemetry records came added up")));
});

t.test("an empty fleet is told how to get its first device", async (t) => {
  const report = buildFleetReport({
    ...rows,
    devices: [],
    rollouts: [],
    inference: [],
    telemetry: { streams: 0, produced: 0, received: 0, declared: 0, outstanding: 0, missing: 0, lossUnknown: 0 },
  });
  t.match(report, { availability: { devices: 0, share: 1 }, findings: [{ next: /ferry device invite/ }] });
  t.equal(report.findings.length, 1);
});

t.test("a root that ends is a warning a month before, and urgent afterwards", async (t) => {
  const root = (leftMs: number) =>
    buildFleetReport({ ...rows, rootExpiresMs: NOW_MS + leftMs }).findings.find(({ text }) =>
      text.includes("root of trust"),
    );
  t.equal(root(31 * 86_400_000), undefined);
  t.match(root(29 * 86_400_000), { severity: "warning", next: /ferry root renew/ });
  t.match(root(-1), { severity: "critical", text: /expired on/ });
});
