/** The whole policy, case by case. What one device's reports make of it is here; stages are in `run-stage.test.ts`. */
import t from "tap";
import { decide } from "../../../controller/rollout/decide.ts";
import type { Decision, MemberStanding, RolloutFacts, RolloutMember } from "../../../controller/rollout/situation.ts";
import type { DeviceView } from "../../../controller/fleet/device-view.ts";
import type { SlotReport } from "../../../protocol/trust/report.ts";
import { deviceView, NOW_MS, reportOf, serving, statement } from "../../support/device-views.ts";
import { BEFORE, facts, GOAL, member, situation, waiting } from "../../support/rollout-situations.ts";

const asked = { device: member("cam-1").device, seq: 2, slots: [GOAL] };

/** A device that was asked for the bundle and reports this about the slot. */
function reporting(
  slot: SlotReport | undefined,
  changes: Partial<DeviceView> & { readonly seq?: number } = {},
): DeviceView {
  const { seq = 2, ...view } = changes;
  const report = reportOf("cam-1", { seq, slots: slot === undefined ? [] : [slot] });
  return deviceView("cam-1", { deployment: asked, report, reportedMs: NOW_MS, ...view });
}

const refusing = (code: "self-test" | "transfer-failed", changes: Partial<SlotReport> = {}) =>
  serving("a", "1.0.0", {
    desired: statement("b"),
    phase: "failed",
    refusal: { code, message: "case 3 is NaN" },
    ...changes,
  });

const cam = (changes: Partial<RolloutMember>) => member("cam-1", changes);

/** What is expected, in short: `issue deploying`, `mark done`, `settle completed`, each with the reason. */
function inShort(decisions: readonly Decision[]): string[] {
  return decisions.map((decision) => {
    if (decision.kind === "stage") return `stage ${decision.stage} ${decision.phase}`;
    const { state, why } = decision.kind === "settle" ? decision : decision.to;
    return `${decision.kind} ${state}${why === null ? "" : `: ${why}`}`;
  });
}

const since = "offline since 2026-11-21T11:00:00Z";

interface Case {
  readonly when: string;
  readonly members: readonly RolloutMember[];
  readonly then: readonly string[];
  readonly rollout?: RolloutFacts;
}

const cases: readonly Case[] = [
  {
    when: "a waiting device is online: its deployment is issued",
    members: [waiting("cam-1", { view: deviceView("cam-1") })],
    then: ["issue deploying: the deployment is on its way"],
  },
  {
    when: "a waiting device is offline: it waits, says since when, and is not counted as reachable",
    members: [waiting("cam-1", { view: deviceView("cam-1", { online: false }) })],
    then: [`mark waiting: ${since}`],
  },
  {
    when: "a device has never asked for its deployment: no sequence is made up for it",
    members: [waiting("cam-1", { view: deviceView("cam-1", { deployment: undefined }) })],
    then: ["mark waiting: it has not asked for its deployment yet"],
  },
  {
    when: "a device holds a newer deployment than the controller knows: nothing is issued",
    members: [waiting("cam-1", { view: deviceView("cam-1", { report: reportOf("cam-1", { seq: 9 }) }) })],
    then: [
      "mark waiting: it holds a deployment that this controller does not know: waiting until what it runs is known",
    ],
  },
  {
    when: "its deployment no longer asks for the bundle (a restored database): it is issued again",
    members: [cam({ why: "qualifying", view: reporting(undefined, { deployment: { ...asked, slots: [] } }) })],
    then: ["issue deploying: the deployment is on its way"],
  },
  {
    when: "the bundle is active and committed: done, and the rollout with it",
    members: [cam({ view: reporting(serving("b", "2.0.0")) })],
    then: ["mark done", "settle completed"],
  },
  {
    when: "the evidence counts also from a device that has gone offline since",
    members: [cam({ view: reporting(serving("b", "2.0.0"), { online: false }) })],
    then: ["mark done", "settle completed"],
  },
  {
    when: "the bundle is active, but still soaking: not done",
    members: [cam({ view: reporting(serving("b", "2.0.0", { phase: "soaking" })) })],
    then: ["mark deploying: soaking"],
  },
  {
    when: "the report is older than the deployment: it proves nothing",
    members: [cam({ view: reporting(serving("b", "2.0.0"), { seq: 1 }) })],
    then: [],
  },
  {
    when: "another bundle is active: not done",
    members: [cam({ view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "verifying" })) })],
    then: ["mark deploying: verifying"],
  },
  {
    when: "bytes arrive: the share is told",
    members: [
      cam({
        view: reporting({
          slot: GOAL.slot,
          phase: "transferring",
          desired: statement("b"),
          transfer: { doneBytes: 250, totalBytes: 1_000 },
        }),
      }),
    ],
    then: ["mark deploying: transferring, 25 % of 1000 bytes"],
  },
  {
    when: "the device refused the bundle for good: failed with its code and sentence",
    members: [cam({ view: reporting(refusing("self-test")) })],
    then: ["mark failed: self-test: case 3 is NaN", "settle failed: stage 100%: 0 of 1 device done, and 100 % must be"],
  },
  {
    when: "it went back to the old model after the soak: failed",
    members: [cam({ view: reporting(refusing("self-test", { phase: "rolled-back" })) })],
    then: ["mark failed: self-test: case 3 is NaN", "settle failed: stage 100%: 0 of 1 device done, and 100 % must be"],
  },
  {
    when: "the cause may pass by itself: the device goes on trying",
    members: [cam({ view: reporting(refusing("transfer-failed")) })],
    then: ["mark deploying: tries again after transfer-failed: case 3 is NaN"],
  },
  {
    when: "the refusal is about another bundle: it says nothing of this one",
    members: [cam({ view: reporting(refusing("self-test", { desired: statement("c") })) })],
    then: [],
  },
  {
    when: "it goes offline on the way: it waits",
    members: [cam({ view: reporting(undefined, { online: false }) })],
    then: [`mark waiting: ${since}`],
  },
  {
    when: "it refused the document itself: told, and not counted as failed",
    members: [
      cam({
        view: deviceView("cam-1", {
          deployment: asked,
          report: reportOf("cam-1", { seq: 1, refusal: { code: "deployment-unfresh", message: "no time" } }),
          reportedMs: NOW_MS,
        }),
      }),
    ],
    then: ["mark deploying: it refused the last document: deployment-unfresh: no time"],
  },
  {
    when: "it has said nothing for minutes: told",
    members: [cam({ view: reporting(undefined, { reportedMs: NOW_MS - 180_000, seq: 1 }) })],
    then: ["mark deploying: it has not reported the deployment yet; its last report is 3 min old"],
  },
  {
    when: "its time is over: it is asked once more, and the numbers are told",
    members: [
      cam({
        startedMs: NOW_MS - 3_600_001,
        view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "verifying" })),
      }),
    ],
    then: ["issue deploying: tried again: not done within 1 h, tried once: verifying"],
  },
  {
    when: "its time is over, and so are its tries: failed with the numbers",
    members: [
      cam({
        tries: 2,
        startedMs: NOW_MS - 3_600_001,
        view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "verifying" })),
      }),
    ],
    then: [
      "mark failed: not done within 1 h, tried 3 times: verifying",
      "settle failed: stage 100%: 0 of 1 device done, and 100 % must be",
    ],
  },
  {
    when: "it was away longer than its time: only time online counts",
    members: [
      cam({
        state: "waiting",
        reachable: false,
        startedMs: NOW_MS - 3_600_001,
        view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "verifying" })),
      }),
    ],
    then: ["mark deploying: verifying"],
  },
  {
    when: "it ran out of tries and has come right since: done, and the rollout completes after all",
    rollout: facts({ state: "failed" }),
    members: [cam({ state: "failed", tries: 2, view: reporting(serving("b", "2.0.0")) })],
    then: ["mark done", "settle completed"],
  },
  {
    when: "a done device fell back to the old model: done is taken back, and the rollout runs again",
    rollout: facts({ state: "completed" }),
    members: [
      cam({
        state: "done",
        why: null,
        view: reporting(serving("a", "1.0.0", { desired: statement("b"), phase: "qualifying" })),
      }),
    ],
    then: ["mark deploying: qualifying", "settle running: a device that was done does not serve it any more"],
  },
  {
    when: "a done device fell back for good: it failed, and so has the rollout",
    rollout: facts({ state: "completed" }),
    members: [cam({ state: "done", why: null, view: reporting(refusing("self-test", { phase: "rolled-back" })) })],
    then: ["mark failed: self-test: case 3 is NaN", "settle failed: 1 of 1 device failed"],
  },
  {
    when: "nothing was heard of a done device: it stays done",
    rollout: facts({ state: "completed" }),
    members: [cam({ state: "done", why: null })],
    then: [],
  },
  {
    when: "a device was offline until the rollout had completed: it is taken, and the rollout stays completed",
    rollout: facts({ state: "completed" }),
    members: [cam({ state: "done", why: null }), waiting("cam-2", { view: deviceView("cam-2") })],
    then: ["issue deploying: the deployment is on its way"],
  },
  {
    when: "other rollouts have all of its devices: it is superseded",
    members: [cam({ state: "superseded", live: false, why: "rollout 2", view: reporting(serving("b", "2.0.0")) })],
    then: ["settle superseded: other rollouts have all of its devices"],
  },
  {
    when: "one is done and one failed: the rollout has failed",
    members: [cam({ state: "done", why: null }), member("cam-2", { state: "failed", why: "self-test: …" })],
    then: ["settle failed: stage 100%: 1 of 2 devices done, and 100 % must be"],
  },
  {
    when: "one failed and one is still on its way: it runs on",
    members: [cam({ state: "failed", why: "self-test: …" }), member("cam-2")],
    then: [],
  },
  {
    when: "one is done and one is offline: the rollout completes without it",
    members: [cam({ state: "done", why: null }), waiting("cam-2", { reachable: false, why: since })],
    then: ["settle completed"],
  },
  {
    when: "every device is offline: it waits, for nothing is proven",
    members: [waiting("cam-2", { reachable: false, why: since })],
    then: [],
  },
  {
    when: "it is paused: what is heard counts, and nothing is issued",
    rollout: facts({ state: "paused" }),
    members: [cam({ view: reporting(serving("b", "2.0.0")) }), waiting("cam-2", { view: deviceView("cam-2") })],
    then: ["mark done"],
  },
  {
    when: "it is aborted: nothing more is issued, also where a deployment was lost",
    rollout: facts({ state: "aborted" }),
    members: [
      cam({ why: "qualifying", view: reporting(undefined, { deployment: { ...asked, slots: [] } }) }),
      waiting("cam-2", { view: deviceView("cam-2") }),
    ],
    then: ["mark deploying: its deployment does not ask for it any more"],
  },
];

for (const { when, members, then, rollout = facts() } of cases) {
  t.test(when, async (t) => t.same(inShort(decide(situation(rollout, members))), then));
}

t.test("a standing says which stage took the device, and that it was asked", async (t) => {
  const [decision] = decide(situation(facts(), [waiting("cam-1", { view: deviceView("cam-1") })]));
  const to: MemberStanding = {
    state: "deploying",
    stage: 0,
    ask: "forward",
    live: true,
    reachable: true,
    tries: 0,
    why: "the deployment is on its way",
  };
  t.same(decision, { kind: "issue", device: "cam-1", to });
});

const back = (changes: Partial<RolloutMember>) =>
  member("cam-1", { state: "reverting", ask: "back", seq: 3, ...changes });
const backAsked = { device: member("cam-1").device, seq: 3, slots: [BEFORE] };
const backReport = (slot: SlotReport, changes: Partial<DeviceView> = {}) =>
  reporting(slot, { seq: 3, deployment: backAsked, ...changes });
const goingBack = facts({ state: "rolling-back", why: "gate error_rate failed" });

const reversals: readonly Case[] = [
  {
    when: "a device that was changed is online: its deployment is turned back",
    members: [cam({ state: "done", why: null, view: reporting(serving("b", "2.0.0")) })],
    then: ["revert reverting: the way back is on its way"],
  },
  {
    when: "a device that was changed is offline: it goes back when it returns, and does not hold the rollback up",
    members: [cam({ state: "done", why: null, view: reporting(serving("b", "2.0.0"), { online: false }) })],
    then: [`mark reverting: ${since}; goes back when it returns`, "settle rolled-back: gate error_rate failed"],
  },
  {
    when: "it has come back after the rollback was over: its deployment is turned back",
    rollout: facts({ state: "rolled-back" }),
    members: [cam({ state: "reverting", reachable: false, view: reporting(serving("b", "2.0.0")) })],
    then: ["revert reverting: the way back is on its way"],
  },
  {
    when: "it reports that it serves what it had before: reverted, and the rollout is rolled back",
    members: [back({ view: backReport(serving("a", "1.0.0")) })],
    then: ["mark reverted", "settle rolled-back: gate error_rate failed"],
  },
  {
    when: "it had nothing before and serves nothing: reverted",
    members: [
      back({
        previous: null,
        view: backReport({ slot: GOAL.slot, phase: "idle" }, { deployment: { ...backAsked, slots: [] } }),
      }),
    ],
    then: ["mark reverted", "settle rolled-back: gate error_rate failed"],
  },
  {
    when: "it had nothing before and still serves the bundle: not reverted",
    members: [
      back({ previous: null, view: backReport(serving("b", "2.0.0"), { deployment: { ...backAsked, slots: [] } }) }),
    ],
    then: [],
  },
  {
    when: "it cannot go back: told, and the rollout does not wait for ever",
    members: [
      back({
        view: backReport(
          serving("b", "2.0.0", {
            desired: statement("a"),
            phase: "failed",
            refusal: { code: "self-test", message: "case 1" },
          }),
        ),
      }),
    ],
    then: [
      "mark failed: could not go back: self-test: case 1",
      "settle rolled-back: gate error_rate failed; 1 device could not go back",
    ],
  },
  {
    when: "a device was never taken: it is left alone",
    members: [waiting("cam-2", { view: deviceView("cam-2") }), cam({ state: "reverted", ask: "back", why: null })],
    then: ["settle rolled-back: gate error_rate failed"],
  },
  {
    when: "another rollout has the device: it is left alone",
    members: [cam({ live: false, state: "done", why: null, view: reporting(serving("b", "2.0.0")) }), back({})],
    then: [],
  },
];

for (const { when, members, then, rollout = goingBack } of reversals) {
  t.test(`rolling back: ${when}`, async (t) => t.same(inShort(decide(situation(rollout, members))), then));
}

t.test("rolling back: the newest stage goes first, as many as the rate allows", async (t) => {
  const changed = ["cam-1", "cam-2", "cam-3"].map((device, stage) =>
    member(device, { stage, state: "done", why: null, view: deviceView(device) }),
  );
  const rollout = { ...goingBack, spec: { ...goingBack.spec, rate: { perMinute: null, concurrent: 2 } } };
  const decisions = decide(situation(rollout, changed));
  t.same(
    decisions.map((decision) => decision.kind === "revert" && decision.device),
    ["cam-3", "cam-2"],
  );
});
