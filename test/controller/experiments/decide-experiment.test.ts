import t from "tap";
import {
  decideExperiment,
  RENEW_MS,
  RENEWALS_MAX,
  type ExperimentFacts,
  type ExperimentMember,
} from "../../../controller/experiments/decide-experiment.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { RolloutState } from "../../../controller/store/rollout-state.ts";

const NOW_MS = 1e12;
const member = (changes: Partial<ExperimentMember> = {}): ExperimentMember => ({
  device: "cam-1" as DeviceId,
  state: "deploying",
  ask: "forward",
  live: true,
  startedMs: NOW_MS - 60_000,
  ...changes,
});
const facts = (
  state: RolloutState,
  members: readonly ExperimentMember[] = [member()],
  more: Partial<ExperimentFacts> = {},
) => ({
  endsMs: NOW_MS + 1,
  rollout: { id: 7, state, why: null },
  members,
  nowMs: NOW_MS,
  ...more,
});
const old = { startedMs: NOW_MS - RENEW_MS };

const cases: readonly { readonly when: string; readonly facts: ExperimentFacts; readonly then: object }[] = [
  { when: "its devices split", facts: facts("running"), then: { kind: "go-on" } },
  { when: "somebody paused its rollout", facts: facts("paused"), then: { kind: "go-on" } },
  {
    when: "one failed and another is away",
    facts: facts("failed", [member({ state: "failed" }), member({ state: "waiting" })]),
    then: { kind: "go-on" },
  },
  {
    when: "its time is over",
    facts: facts("running", [member()], { endsMs: NOW_MS }),
    then: { kind: "end", state: "kept", takeBack: true, why: "its time is over" },
  },
  {
    when: "a device has split for most of a day",
    facts: facts("running", [member(old)]),
    then: { kind: "renew", devices: ["cam-1"] },
  },
  {
    when: "one that is away has",
    facts: facts("running", [member(), member({ ...old, state: "waiting" })]),
    then: { kind: "go-on" },
  },
  {
    when: "another rollout has taken over",
    facts: facts("superseded"),
    then: { kind: "end", state: "overtaken", takeBack: false },
  },
  {
    when: "its rollout was aborted",
    facts: facts("aborted"),
    then: { kind: "end", state: "overtaken", takeBack: false },
  },
  {
    when: "its rollout was rolled back",
    facts: facts("rolling-back"),
    then: { kind: "end", state: "kept", takeBack: false },
  },
  {
    when: "its rollout is deleted",
    facts: facts("running", [], { rollout: undefined }),
    then: { kind: "end", state: "overtaken", takeBack: false },
  },
  {
    when: "B failed everywhere",
    facts: facts("failed", [member({ state: "failed" })]),
    then: { kind: "end", state: "kept", why: /B failed on all 1/ },
  },
  {
    when: "nobody was there to renew them",
    facts: facts("completed", [member({ state: "done" })]),
    then: { kind: "end", state: "kept", takeBack: true, why: /1 committed to B by themselves/ },
  },
];
for (const { when, facts: given, then } of cases) {
  t.test(`${JSON.stringify(then)} where ${when}`, async (t) => t.match(decideExperiment(given), then));
}

t.test("they are renewed some at a time", async (t) => {
  const all = Array.from({ length: 200 }, (_, at) => member({ ...old, device: `cam-${at}` as DeviceId }));
  const decision = decideExperiment(facts("running", all));
  t.equal(decision.kind === "renew" && decision.devices.length, RENEWALS_MAX);
});
