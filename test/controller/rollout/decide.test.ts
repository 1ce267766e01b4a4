import t from "tap";
import { decide, type Decision, type RolloutMember } from "../../../controller/rollout/decide.ts";
import type { DeviceView } from "../../../controller/fleet/device-view.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { SlotReport } from "../../../protocol/trust/report.ts";
import { deviceView, DIGITS, NOW_MS, reportOf, serving, slotFor, statement } from "../../support/device-views.ts";

const cam = "cam-1" as DeviceId;
const goal = { statement: statement("b"), slot: DIGITS, state: "running" } as const;
const asked = { device: cam, seq: 2, slots: [slotFor("b", "2.0.0")] };

function member(changes: Partial<RolloutMember> & { readonly view: DeviceView | undefined }): RolloutMember {
  return { device: cam, state: "deploying", seq: 2, why: "the deployment is on its way", ...changes };
}

/** A device that was asked for the bundle and reports this about the slot. */
function reporting(
  slot: SlotReport | undefined,
  changes: Partial<DeviceView> & { readonly seq?: number } = {},
): DeviceView {
  const { seq = 2, ...view } = changes;
  const report = reportOf(cam, { seq, slots: slot === undefined ? [] : [slot] });
  return deviceView(cam, { deployment: asked, report, reportedMs: NOW_MS, ...view });
}

const refusing = (code: "self-test" | "transfer-failed", changes: Partial<SlotReport> = {}) =>
  serving("a", "1.0.0", {
    desired: statement("b"),
    phase: "failed",
    refusal: { code, message: "case 3 is NaN" },
    ...changes,
  });

const mark = (state: RolloutMember["state"], why: string | null): Decision => ({
  kind: "mark",
  device: cam,
  state,
  why,
});
const settle = (state: "running" | "completed" | "failed" | "superseded"): Decision => ({ kind: "settle", state });
const since = "offline since 2026-11-21T11:00:00Z";

const cases: readonly {
  when: string;
  members: readonly RolloutMember[];
  then: readonly Decision[];
  state?: typeof goal.state | "completed";
}[] = [
  {
    when: "a waiting device is online: its deployment is issued",
    members: [member({ state: "waiting", seq: null, view: deviceView(cam) })],
    then: [{ kind: "issue", device: cam }, mark("deploying", "the deployment is on its way")],
  },
  {
    when: "a waiting device is offline: it waits, and says since when",
    members: [member({ state: "waiting", seq: null, view: deviceView(cam, { online: false }) })],
    then: [mark("waiting", since)],
  },
  {
    when: "a device has never asked for its deployment: no sequence is made up for it",
    members: [member({ state: "waiting", seq: null, view: deviceView(cam, { deployment: undefined }) })],
    then: [mark("waiting", "it has not asked for its deployment yet")],
  },
  {
    when: "a device holds a newer deployment than the controller knows: nothing is issued",
    members: [member({ state: "waiting", seq: null, view: deviceView(cam, { report: reportOf(cam, { seq: 9 }) }) })],
    then: [
      mark("waiting", "it holds a deployment that this controller does not know: waiting until what it runs is known"),
    ],
  },
  {
    when: "its deployment no longer asks for the bundle (a restored database): it is issued again",
    members: [member({ view: reporting(undefined, { deployment: { ...asked, slots: [] } }) })],
    then: [{ kind: "issue", device: cam }],
  },
  {
    when: "the bundle is active and committed: done, and the rollout with it",
    members: [member({ view: reporting(serving("b", "2.0.0")) })],
    then: [mark("done", null), settle("completed")],
  },
  {
    when: "the evidence counts also from a device that has gone offline since",
    members: [member({ view: reporting(serving("b", "2.0.0"), { online: false }) })],
    then: [mark("done", null), settle("completed")],
  },
  {
    when: "the bundle is active, but still soaking: not done",
    members: [member({ view: reporting(serving("b", "2.0.0", { phase: "soaking" })) })],
    then: [mark("deploying", "soaking")],
  },
  {
    when: "the report is older than the deployment: it proves nothing",
    members: [member({ view: reporting(serving("b", "2.0.0"), { seq: 1 }) })],
    then: [],
  },
  {
    when: "another bundle is active: not done",
    members: [member({ view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "verifying" })) })],
    then: [mark("deploying", "verifying")],
  },
  {
    when: "bytes arrive: the share is told",
    members: [
      member({
        view: reporting({
          slot: DIGITS,
          phase: "transferring",
          desired: statement("b"),
          transfer: { doneBytes: 250, totalBytes: 1_000 },
        }),
      }),
    ],
    then: [mark("deploying", "transferring, 25 % of 1000 bytes")],
  },
  {
    when: "the device refused the bundle for good: failed with its code and sentence",
    members: [member({ view: reporting(refusing("self-test")) })],
    then: [mark("failed", "self-test: case 3 is NaN"), settle("failed")],
  },
  {
    when: "it went back to the old model after the soak: failed",
    members: [member({ view: reporting(refusing("self-test", { phase: "rolled-back" })) })],
    then: [mark("failed", "self-test: case 3 is NaN"), settle("failed")],
  },
  {
    when: "the cause may pass by itself: the device goes on trying",
    members: [member({ view: reporting(refusing("transfer-failed")) })],
    then: [mark("deploying", "tries again after transfer-failed: case 3 is NaN")],
  },
  {
    when: "the refusal is about another bundle: it says nothing of this one",
    members: [member({ view: reporting(refusing("self-test", { desired: statement("c") })) })],
    then: [],
  },
  {
    when: "it goes offline on the way: it waits",
    members: [member({ view: reporting(undefined, { online: false }) })],
    then: [mark("waiting", since)],
  },
  {
    when: "it refused the document itself: told, and not counted as failed",
    members: [
      member({
        view: deviceView(cam, {
          deployment: asked,
          report: reportOf(cam, { seq: 1, refusal: { code: "deployment-unfresh", message: "no time" } }),
          reportedMs: NOW_MS,
        }),
      }),
    ],
    then: [mark("deploying", "it refused the last document: deployment-unfresh: no time")],
  },
  {
    when: "it has said nothing for minutes: told",
    members: [member({ view: reporting(undefined, { reportedMs: NOW_MS - 180_000, seq: 1 }) })],
    then: [mark("deploying", "it has not reported the deployment yet; its last report is 3 min old")],
  },
  {
    when: "a done device fell back to the old model: done is taken back, and the rollout runs again",
    state: "completed",
    members: [
      member({
        state: "done",
        why: null,
        view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "qualifying" })),
      }),
    ],
    then: [mark("deploying", "qualifying"), settle("running")],
  },
  {
    when: "a done device fell back for good: it failed, and so has the rollout",
    state: "completed",
    members: [member({ state: "done", why: null, view: reporting(refusing("self-test", { phase: "rolled-back" })) })],
    then: [mark("failed", "self-test: case 3 is NaN"), settle("failed")],
  },
  {
    when: "nothing was heard of a done device: it stays done",
    state: "completed",
    members: [member({ state: "done", why: null, view: undefined })],
    then: [],
  },
  {
    when: "a superseded device is left alone",
    members: [member({ state: "superseded", why: "rollout 2", view: reporting(serving("b", "2.0.0")) })],
    then: [settle("superseded")],
  },
  {
    when: "one is done and one failed: the rollout has failed",
    members: [
      member({ view: undefined, state: "done", why: null }),
      member({ device: "cam-2" as DeviceId, view: undefined, state: "failed", why: "self-test: …" }),
    ],
    then: [settle("failed")],
  },
  {
    when: "one failed and one is still on its way: it runs on",
    members: [
      member({ view: undefined, state: "failed", why: "self-test: …" }),
      member({ device: "cam-2" as DeviceId, view: undefined }),
    ],
    then: [],
  },
];

for (const { when, members, then, state = "running" } of cases) {
  t.test(when, async (t) => t.same(decide({ ...goal, state }, members, NOW_MS), then));
}
