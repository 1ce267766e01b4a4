import t from "tap";
import { NO_PAINT, renderText } from "../../../controller/reports/render-text.ts";
import { rolloutDocument, type ReportedRolloutStory } from "../../../controller/reports/rollout-document.ts";
import { factsOf } from "../../../controller/rollout/rollout-rows.ts";
import type { RolloutDeviceRow, RolloutRow } from "../../../controller/store/tables.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { deviceView, DIGITS, NOW_MS, reportOf, serving, statement } from "../../support/device-views.ts";

const row = {
  ...{ id: 7, statement: statement("b"), name: DIGITS, version: "2.0.0", selector: "site=oslo", label: null },
  ...{ state: "running", created_ms: NOW_MS - 600_000, finished_ms: null, spec_json: null, author: "ada", why: null },
  ...{ stage: 0, stage_phase: "deploying", stage_since_ms: NOW_MS, approvals_json: "[]", gates_json: null },
  ...{ gates_waived_stage: null, failures_accepted: 0, priority: 0, follow: 0 },
} as RolloutRow;

function member(
  device: string,
  state: RolloutDeviceRow["state"],
  change: Partial<RolloutDeviceRow> = {},
): RolloutDeviceRow {
  return {
    ...{ rollout: 7, device: device as DeviceId, state, seq: 1, since_ms: NOW_MS, why: null, stage: 0, ask: "forward" },
    ...{ live: 1, reachable: 1, tries: 0, ordinal: 0, previous_json: null, started_ms: NOW_MS - 90_000 },
    ...{ done_ms: state === "done" ? NOW_MS : null, predicted_json: null, fetched_bytes: null, fetched_ms: null },
    ...change,
  };
}

function story(change: Partial<RolloutRow>, members: readonly RolloutDeviceRow[] = []): ReportedRolloutStory {
  const own = { ...row, ...change };
  const standing = { ask: "forward", live: true, reachable: true, stage: 0 } as const;
  return {
    row: own,
    facts: factsOf(own),
    tally: members.map(({ state }) => ({ ...standing, state, count: 1 })),
    members,
    views: new Map(),
    offline: 0,
    from: ["1.0.0"],
    gates: undefined,
    window: null,
    events: [{ atMs: NOW_MS, text: "It began" }],
    atMs: NOW_MS,
  };
}

const states = [
  { state: "running", tone: "good", finds: undefined, why: "nobody has to do anything" },
  { state: "completed", tone: "good", finds: undefined, why: "it is over, and well" },
  { state: "paused", tone: "warning", finds: /ferry rollout resume 7/, why: "somebody must decide" },
  { state: "failed", tone: "critical", finds: /ferry rollout rollback 7/, why: "the cause must be mended" },
  { state: "rolling-back", tone: "critical", finds: /status 7 -w/, why: "it is to be watched" },
  { state: "rolled-back", tone: "critical", finds: /another version/, why: "the version was bad" },
  { state: "aborted", tone: "warning", finds: /--dry-run/, why: "devices stay as they are" },
  { state: "superseded", tone: "good", finds: undefined, why: "a newer one has its devices" },
] as const;

for (const { state, tone, finds, why } of states) {
  t.test(`a ${state} rollout is ${tone}: ${why}`, async (t) => {
    const { verdict, findings } = rolloutDocument(story({ state }));
    t.equal(verdict.tone, tone);
    t.match(findings[0]?.next, finds ?? undefined);
    t.equal(findings.length, finds === undefined ? 0 : 1);
  });
}

t.test("a stage that waits says who may approve it", async (t) => {
  const { findings } = rolloutDocument(story({ stage_phase: "approval" }));
  t.match(findings, [
    { text: "Stage 1 waits for an approval", next: /Somebody else than ada.*ferry rollout approve 7/ },
  ]);
});

t.test("devices that failed for one reason are one finding, and gates say what they found", async (t) => {
  const why = "self-test: case 3 is NaN";
  const members = [member("cam-1", "failed", { why }), member("cam-2", "failed", { why }), member("cam-3", "waiting")];
  const results = [
    { metric: "error_rate", verdict: "fail" as const, value: 0.1, limit: 0.01, samples: 500, text: "errors are 10 %" },
    { metric: "drift_psi", verdict: "pass" as const, value: null, limit: null, samples: 0, text: "nothing drifts" },
  ];
  const told = { ...story({}, members), gates: { atMs: NOW_MS, results } };
  const document = rolloutDocument(told);
  t.equal(document.verdict.tone, "critical");
  t.match(document.findings, [
    { text: `2 devices failed: ${why}`, devices: ["cam-1", "cam-2"], next: /retry 7/ },
    { text: "A gate failed: errors are 10 %", next: /--waive-gates/ },
    { text: "3 devices not done and offline" },
  ]);
});

t.test("a device that was done and serves another version by now proves nothing", async (t) => {
  const members = [member("cam-1", "done"), member("cam-2", "done")];
  const view = (device: string, digit: string, version: string) =>
    deviceView(device, { report: reportOf(device, { slots: [serving(digit, version)] }) });
  const views = new Map([
    ["cam-1", view("cam-1", "b", "2.0.0")],
    ["cam-2", view("cam-2", "a", "1.0.0")],
  ]);
  const document = rolloutDocument({ ...story({}, members), views });
  t.match(document.findings, [{ devices: ["cam-2"], next: /ferry report device cam-2/ }]);
  const text = renderText(document, NO_PAINT);
  t.match(text, /cam-1 +20\/20 +0\.40 ms +90 MB +cpu +90 s/);
  t.match(text, /cam-2 +serves another now/);
  t.match(text, "Begun 2026-11-21 11:50:00 UTC by ada for site=oslo; replaces 1.0.0; under way for 10 min.");
});
