import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { foresee, type ForesightRequest } from "../../../controller/rollout/foresee.ts";
import { parseSelector } from "../../../controller/fleet/selector.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import { deviceView, DIGITS, INFO, NOW_MS, statement } from "../../support/device-views.ts";
import type { ModelVersion } from "../../../protocol/ids.ts";

const MB = 1024 ** 2;
const MINUTE = 60_000;
const delivery = { bytes: 10 * MB, transferMs: 50_000, totalMs: 60_000 };

function foresight(request: Partial<RolloutRequest>, changes: Partial<ForesightRequest> = {}) {
  const spec = completeSpec({ model: DIGITS, version: "2.0.0" as ModelVersion, ...request });
  return foresee({
    rollout: 7,
    spec,
    selectors: spec.stages.map(() => null),
    statement: statement("b"),
    archiveBytes: 10 * MB,
    devices: Array.from({ length: 10 }, (_, at) => deviceView(`cam-${String(at)}`)),
    deliveries: { of: () => [], ofFleet: [delivery] },
    nowMs: NOW_MS,
    ...changes,
  });
}

const STAGES: RolloutRequest["stages"] = [
  { name: "canary", take: { kind: "share", share: 0.2, min: 1 }, soakMs: 10 * MINUTE, approval: "none" },
  { name: "rest", take: { kind: "share", share: 1, min: 0 }, soakMs: 0, approval: "required" },
];

t.test("each device is told its stage, bytes and time; each stage when it is over", async (t) => {
  const { devices, stages } = foresight({ stages: STAGES });
  t.equal([...devices.values()].filter(({ stage }) => stage === 0).length, 2);
  t.match([...devices.values()][0], { bytes: 10 * MB, ms: 60_000, basis: "fleet" });
  t.match(stages, [
    { name: "canary", devices: 2, startMs: NOW_MS, finishMs: NOW_MS + 11 * MINUTE, needsApproval: false },
    { name: "rest", devices: 8, startMs: NOW_MS + 11 * MINUTE, finishMs: NOW_MS + 12 * MINUTE, needsApproval: true },
  ]);
});

t.test("what is held does not travel, and what is away has no stage", async (t) => {
  const holding = deviceView("cam-1", { info: { ...INFO, heldStatements: [statement("b")] } });
  const { devices, stages } = foresight({}, { devices: [holding, deviceView("cam-2", { online: false })] });
  t.match(devices.get(holding.id), { bytes: 0, basis: "held", stage: 0 });
  t.match([...devices.values()][1], { stage: null });
  t.match(stages, [{ devices: 1 }]);
});

t.test("the window and the rate are counted in", async (t) => {
  // NOW_MS is noon in UTC.
  const window = { cron: "0 2 * * *", durationMs: 3 * 60 * MINUTE, timezone: "UTC" };
  const { stages } = foresight({ window, rate: { perMinute: null, concurrent: 1 } });
  const opensMs = NOW_MS + 14 * 60 * MINUTE;
  t.match(stages, [{ startMs: opensMs, finishMs: opensMs + 10 * MINUTE }]);
});

t.test("a stage whose selector matches no device, not even one that is away, is told", async (t) => {
  const stages: RolloutRequest["stages"] = [
    { name: "lab", take: { kind: "selector", selector: "room=lab" }, soakMs: 0, approval: "none" },
    { name: "all", take: { kind: "share", share: 1, min: 0 }, soakMs: 0, approval: "none" },
  ];
  const selectors = [parseSelector("room=lab"), null];
  const away = deviceView("cam-1", { online: false, labels: { room: "lab" } });
  t.match(foresight({ stages }, { selectors }).stages, [{ matchesNobody: true }, { matchesNobody: false }]);
  t.match(foresight({ stages }, { selectors, devices: [away] }).stages, [{ matchesNobody: false }, {}]);
});
