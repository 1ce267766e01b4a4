import t from "tap";
import { fleetDocument } from "../../../controller/reports/fleet-document.ts";
import { presenceOf } from "../../../controller/reports/presence-spans.ts";
import type { FleetReport } from "../../../controller/reports/report-shape.ts";
import { NO_PAINT, renderText } from "../../../controller/reports/render-text.ts";
import { DIGITS, FLEET, NOW_MS, statement } from "../../support/device-views.ts";
import type { DeviceId, ModelVersion } from "../../../protocol/ids.ts";

const cam = "cam-1" as DeviceId;
const report: FleetReport = {
  fleet: FLEET,
  atMs: NOW_MS,
  windowMs: 3_600_000,
  availability: { devices: 4, online: 3, share: 0.75, offline: [{ device: cam, text: "offline since noon" }] },
  models: [
    {
      model: DIGITS,
      versions: [{ version: "2.0.0" as ModelVersion, statement: statement("a"), devices: 3 }],
      missing: 1,
    },
  ],
  rollouts: [
    {
      id: 3,
      model: DIGITS,
      version: "2.0.0" as ModelVersion,
      state: "failed",
      createdMs: NOW_MS,
      devices: 4,
      proven: 3,
      failed: 1,
      open: [{ device: cam, text: "self-test: NaN" }],
    },
  ],
  inference: [
    {
      slot: "digits",
      version: "2.0.0",
      devices: 3,
      requests: 1_000,
      failed: 10,
      errorRate: 0.01,
      crashes: 1,
      latencyP50Ms: 1,
      latencyP95Ms: 2,
    },
    {
      slot: "digits",
      version: "1.0.0",
      devices: 1,
      requests: 10,
      failed: 0,
      errorRate: 0,
      crashes: 0,
      latencyP50Ms: 1,
      latencyP95Ms: 2,
      judged: 10,
      accuracy: 0.9,
    },
  ],
  telemetry: {
    streams: 2,
    produced: 110,
    received: 100,
    declared: 5,
    rolledUp: 1,
    outstanding: 5,
    missing: 0,
    lossUnknown: 0,
  },
  findings: [
    { severity: "critical", text: "Rollout 3 failed on 1 device", devices: [cam], next: "ferry rollout status 3" },
  ],
};

const NO_HISTORY = {
  presence: [],
  trend: [],
  classes: [],
  drift: [],
  anomalies: [],
  unlike: [],
  problems: [],
  gaps: [],
  certificates: [],
};

t.test("every part of the report is in it, with the verdict of its findings", async (t) => {
  const document = fleetDocument(report, NO_HISTORY);
  t.match(document, { kind: "fleet", fromMs: NOW_MS - 3_600_000, verdict: { tone: "critical" } });
  const text = renderText(document, NO_PAINT);
  t.match(text, /cam-1 +offline since noon/);
  t.match(text, /digits +none, although wished +1 +25\.0 %/);
  t.match(text, /3 +digits@2\.0\.0 +failed +4 +3 +1 +cam-1: self-test: NaN/);
  t.match(text, /digits@1\.0\.0 +1 +10 +0 % +1\.00 ms +2\.00 ms +0 +90\.0 % of 10 right/);
  t.match(text, /declared as lost +4$/m);
  t.match(text, /digits@2\.0\.0: half within 1\.00 ms/);
});

t.test("where no truth came there is no column for it, and an empty fleet is told how to begin", async (t) => {
  const empty = { ...report, models: [], rollouts: [], findings: [], inference: report.inference.slice(0, 1) };
  const text = renderText(fleetDocument(empty, NO_HISTORY), NO_PAINT);
  t.notMatch(text, "BY ITS TRUTH");
  t.match(text, "3 of 4 devices online, and nothing needs a person.");
  t.match(text, "ferry deploy model.onnx");
});

const HOUR_MS = 3_600_000;
const away = presenceOf(
  { id: cam, online: true, onlineSinceMs: NOW_MS - HOUR_MS / 4, firstSeenMs: 0 },
  [
    { atMs: NOW_MS - HOUR_MS / 2, online: false },
    { atMs: NOW_MS - HOUR_MS / 4, online: true },
  ],
  { fromMs: NOW_MS - HOUR_MS, toMs: NOW_MS },
);
const point = (agoMs: number, latencyP95Ms: number, errorRate: number) => ({
  atMs: NOW_MS - agoMs,
  latencyP95Ms,
  errorRate,
});

t.test(
  "what the moment does not show stands in it: absences, trends, gaps by device, certificates that end",
  async (t) => {
    const history = {
      ...NO_HISTORY,
      presence: [away],
      trend: [{ name: "digits@2.0.0", points: [point(HOUR_MS, 2, 0), point(1, 8, 0.05)] }],
      gaps: [{ device: cam, cause: "capacity" as const, records: 40, gaps: 2, lastMs: NOW_MS }],
      certificates: [
        { device: cam, expiresMs: NOW_MS - 1 },
        { device: "cam-2" as DeviceId, expiresMs: NOW_MS + 3 * 24 * HOUR_MS },
      ],
    };
    const document = fleetDocument(report, history);
    const text = renderText(document, NO_PAINT);
    t.match(text, /Online, the last 60 min: 75\.0 %/);
    t.match(text, /Away the longest: cam-1 for 15 min\./);
    t.match(text, /cam-1 +75\.0 % +15 min +1$/m);
    t.match(text, /digits@2\.0\.0 from 2\.00 ms to 8\.00 ms, at most 8\.00 ms\./);
    t.match(text, /digits@2\.0\.0 at most 5\.0 %\./);
    t.match(text, /cam-1 +capacity +40 +2 /);
    t.match(text, /cam-2 .* 3 d$/m);
    const found = document.findings.map((one) => `${one.severity}: ${one.text}`);
    t.match(found[1], "critical: 1 device with a certificate that has ended");
    t.ok(found.includes("warning: 1 device with a certificate that ends within ten days"));
    t.ok(found.includes("note: 1 device declared gaps; the greatest is cam-1, capacity"));
  },
);
