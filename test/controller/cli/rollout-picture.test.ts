import t from "tap";
import { rolloutPicture } from "../../../controller/cli/rollout-picture.ts";
import { detailOf } from "../../../controller/http/handlers/rollout-shapes.ts";
import { RolloutDetail } from "../../../controller/http/rollout-routes.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { tallyOf } from "../../../controller/rollout/tally.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import type { RolloutDeviceRow, RolloutRow } from "../../../controller/store/tables.ts";
import { gate } from "../../../protocol/schema.ts";
import type { DeviceId, ModelVersion } from "../../../protocol/ids.ts";
import { deviceView, DIGITS, NOW_MS, reportOf, serving, slotFor, statement } from "../../support/device-views.ts";
import { stage } from "../../support/rollout-situations.ts";

const MINUTE = 60_000;
const version = "2.0.0" as ModelVersion;
const request: RolloutRequest = {
  model: DIGITS,
  version,
  selector: "site=oslo",
  stages: [
    stage("5%", 0.05, { soakMs: 10 * MINUTE }),
    stage("50%", 0.5, { soakMs: 10 * MINUTE }),
    stage("100%", 1, { approval: "required" }),
  ],
  gates: [{ metric: "error_rate", max: 0.01 }],
  abort: { failedShareMax: 0.25, devicesMin: 2, then: "rollback" },
};

const row = (changes: Partial<RolloutRow> = {}): RolloutRow => ({
  id: 42,
  statement: statement("b"),
  name: DIGITS,
  version,
  selector: "site=oslo",
  state: "running",
  created_ms: NOW_MS - 30 * MINUTE,
  finished_ms: null,
  spec_json: JSON.stringify(completeSpec(request)),
  label: "spring",
  author: "ada",
  why: null,
  stage: 1,
  stage_phase: "soaking",
  stage_since_ms: NOW_MS - 252_000,
  approvals_json: "[]",
  gates_json: null,
  gates_waived_stage: null,
  failures_accepted: 0,
  priority: 0,
  follow: 0,
  ...changes,
});

const member = (device: string, changes: Partial<RolloutDeviceRow> = {}): RolloutDeviceRow => ({
  rollout: 42,
  device: device as DeviceId,
  state: "done",
  seq: 2,
  since_ms: NOW_MS,
  why: null,
  stage: 0,
  ask: "forward",
  live: 1,
  reachable: 1,
  tries: 0,
  ordinal: 0,
  previous_json: JSON.stringify(slotFor("a", "1.0.0")),
  started_ms: NOW_MS - 20 * MINUTE,
  done_ms: NOW_MS - 19 * MINUTE,
  predicted_json: JSON.stringify({ bytes: 1_000, ms: 50_000, basis: "device" }),
  fetched_bytes: 1_000,
  fetched_ms: 400,
  ...changes,
});

const members = [
  member("cam-1"),
  member("cam-2", { stage: 1 }),
  member("cam-3", { stage: 1, state: "failed", why: "self-test: NaN" }),
  member("cam-4", {
    state: "waiting",
    stage: null,
    ask: "none",
    seq: null,
    started_ms: null,
    done_ms: null,
    reachable: 0,
  }),
];
const views = new Map(
  members.map(({ device }, at) => [
    device as string,
    deviceView(device, { online: at < 3, report: reportOf(device, { slots: [serving("b", "2.0.0")] }) }),
  ]),
);
const detail = (changes: Partial<RolloutRow> = {}) =>
  detailOf({
    row: row(changes),
    tally: tallyOf(members.map((one) => ({ ...one, live: one.live === 1, reachable: one.reachable === 1 }))),
    members: { rows: members, offline: 1, from: ["1.0.0" as ModelVersion] },
    viewOf: views,
    window: null,
  });

t.test("what the API gives of a rollout is what its schema says, forecasts and evidence included", async (t) => {
  const shape = gate("rollout", RolloutDetail)(JSON.parse(JSON.stringify(detail())));
  t.match(shape.rollout, { counts: { done: 2, failed: 1, waiting: 1 }, author: "ada", name: "spring" });
  t.same(shape.from, ["1.0.0"]);
  t.match(shape.stages, [
    { name: "5%", taken: 1, done: 1 },
    { taken: 2, done: 1, failed: 1 },
    { approval: { kind: "required" } },
  ]);
  t.match(shape.devices[0], {
    forecast: { ms: 50_000, basis: "device" },
    tookMs: MINUTE,
    evidence: { golden: "20/20" },
  });
  t.match(shape.devices[3], { why: /offline since/, online: false });
});

t.test("a rollout is drawn as a pipeline with what holds and what does not", async (t) => {
  const text = rolloutPicture(detail(), NOW_MS);
  t.match(text, /Rollout .*42 spring.* digits 1\.0\.0 → 2\.0\.0 .*soaking 04:12 \/ 10:00.* {3}stage 2\/3/);
  t.match(
    text,
    /5% .*✔.* ──── .*50%.* ◌.* ──── .*100%.*\(needs an approval\).* 4 devices {2}\(site=oslo\) {3}1 offline/,
  );
  t.match(text, /updated 3\/3 █+.* ok 2 {2}.*failed 1 \(33\.3 %, at most 25\.0 %\)/);
  t.match(text, /gates {6}not read yet: error_rate/);
  t.match(text, /forecast {3}50s for a device, took 1m \(median of 3\)/);
});

t.test("what the gates said, why it stopped and what to do next stand below", async (t) => {
  const results = [
    {
      metric: "error_rate",
      verdict: "fail",
      value: 0.03,
      limit: 0.01,
      samples: 900,
      text: "error_rate 3 % is surely above 1 %",
    },
  ];
  const gates_json = JSON.stringify({ stage: 1, atMs: NOW_MS, results });
  const text = rolloutPicture(
    detail({ state: "paused", why: "stage 50%: gate error_rate failed", gates_json }),
    NOW_MS,
  );
  t.match(text, /✖ error_rate {2}error_rate 3 % is surely above 1 %/);
  t.match(text, /why {8}stage 50%: gate error_rate failed/);
  t.match(text, /next {7}ferry rollout resume 42, or abort, or rollback/);
  t.match(
    rolloutPicture(detail({ stage: 2, stage_phase: "approval" }), NOW_MS),
    /somebody else: ferry rollout approve 42/,
  );
});
