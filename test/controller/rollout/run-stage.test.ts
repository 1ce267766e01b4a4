/** Stages: who is taken, when a stage is over, and what stops a rollout. */
import t from "tap";
import { decide } from "../../../controller/rollout/decide.ts";
import type { GateResult } from "../../../controller/rollout/gate-result.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import type { Decision, RolloutMember, Situation } from "../../../controller/rollout/situation.ts";
import { deviceView, NOW_MS } from "../../support/device-views.ts";
import { facts, member, situation, stage, waiting } from "../../support/rollout-situations.ts";

const STAGED = {
  stages: [stage("canary", 0.25, { soakMs: 60_000 }), stage("all", 1)],
  gates: [{ metric: "error_rate", max: 0.01 }],
  abort: { failedShareMax: 0.1, devicesMin: 2, then: "rollback" },
} satisfies Partial<RolloutRequest>;

const fresh = (count: number): RolloutMember[] =>
  Array.from({ length: count }, (_, at) => waiting(`cam-${at}`, { order: at, view: deviceView(`cam-${at}`) }));
const standing = (state: RolloutMember["state"], count: number, changes: Partial<RolloutMember> = {}) =>
  Array.from({ length: count }, (_, at) => member(`${state}-${at}`, { state, why: null, ...changes }));
const idle = (count: number) => Array.from({ length: count }, (_, at) => waiting(`idle-${at}`));

const gate = (verdict: GateResult["verdict"]): GateResult => ({
  metric: "error_rate",
  verdict,
  value: 0.2,
  limit: 0.01,
  samples: 150,
  text: "20 % of 150 requests, at most 1 %",
});

function inShort(decisions: readonly Decision[]): string[] {
  return decisions.map((decision) => {
    if (decision.kind === "stage") return `stage ${decision.stage} ${decision.phase}`;
    if (decision.kind === "settle")
      return `settle ${decision.state}${decision.why === null ? "" : `: ${decision.why}`}`;
    return `${decision.kind} ${decision.device}`;
  });
}

interface Case {
  readonly when: string;
  readonly rollout: Parameters<typeof facts>;
  readonly members: readonly RolloutMember[];
  readonly around?: Partial<Situation>;
  readonly then: readonly string[];
}

const cases: readonly Case[] = [
  {
    when: "a stage begins: a quarter of eight are two, the first in the rollout's order",
    rollout: [{}, STAGED],
    members: fresh(8).toReversed(),
    then: ["issue cam-0", "issue cam-1"],
  },
  {
    when: "more devices have come within reach while the stage runs: its share grows with them",
    rollout: [{}, STAGED],
    members: [...standing("done", 2), ...fresh(8)],
    then: ["issue cam-0"],
  },
  {
    when: "a stage counts devices: so many, earlier ones included",
    rollout: [{}, { stages: [stage("three", 1, { take: { kind: "count", count: 3 } }), stage("all", 1)] }],
    members: [...standing("done", 2), ...fresh(8)],
    then: ["issue cam-0"],
  },
  {
    when: "a stage has a selector: only who matches is taken",
    rollout: [
      {},
      { stages: [stage("oslo", 1, { take: { kind: "selector", selector: "site=oslo" } }), stage("all", 1)] },
    ],
    members: [
      waiting("bergen", { view: deviceView("bergen", { labels: { site: "bergen" } }) }),
      waiting("oslo", { view: deviceView("oslo", { labels: { site: "oslo" } }) }),
    ],
    around: { selector: [{ kind: "in", key: "site", values: ["oslo"] }] },
    then: ["issue oslo"],
  },
  {
    when: "at most so many may be under way: no more are begun",
    rollout: [{}, { rate: { perMinute: null, concurrent: 3 } }],
    members: [...standing("deploying", 2), ...fresh(8)],
    then: ["issue cam-0"],
  },
  {
    when: "at most so many may begin in a minute: no more are begun",
    rollout: [{}, { rate: { perMinute: 10, concurrent: null } }],
    members: fresh(8),
    around: { begunLately: 8 },
    then: ["issue cam-0", "issue cam-1"],
  },
  {
    when: "the window is closed: nothing is begun, and what is under way goes on",
    rollout: [{}, { window: { cron: "0 2 * * *", durationMs: 3_600_000, timezone: "Europe/Oslo" } }],
    members: [...standing("deploying", 1), ...fresh(8)],
    around: { window: { open: false, opensAtMs: NOW_MS + 1 } },
    then: [],
  },
  {
    when: "the decision may change only so many deployments: the rest come with the next",
    rollout: [{}, {}],
    members: fresh(8),
    around: { changesMax: 3 },
    then: ["issue cam-0", "issue cam-1", "issue cam-2"],
  },
  {
    when: "all that the stage took are done: it soaks",
    rollout: [{}, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    then: ["stage 0 soaking"],
  },
  {
    when: "one is still on its way: the stage goes on",
    rollout: [{}, STAGED],
    members: [...standing("done", 1), ...standing("deploying", 1), ...idle(6)],
    then: [],
  },
  {
    when: "one went offline on its way, and others are done: it does not hold the stage up",
    rollout: [{}, STAGED],
    members: [...standing("done", 1), ...standing("waiting", 1, { reachable: false }), ...idle(3)],
    then: ["stage 0 soaking"],
  },
  {
    when: "all that it took went offline: it waits, for nothing is proven",
    rollout: [{}, STAGED],
    members: [...standing("waiting", 1, { reachable: false }), ...idle(3)],
    then: [],
  },
  {
    when: "the soak is not over: it waits",
    rollout: [{ phase: "soaking", sinceMs: NOW_MS - 59_999 }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    then: [],
  },
  {
    when: "the soak is over: the gates have the word",
    rollout: [{ phase: "soaking", sinceMs: NOW_MS - 60_000 }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    then: ["stage 0 gates"],
  },
  {
    when: "the gates pass: the next stage begins",
    rollout: [{ phase: "gates" }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("pass")] },
    then: ["stage 1 deploying"],
  },
  {
    when: "the gates were not read this time: it waits for them",
    rollout: [{ phase: "gates" }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    then: [],
  },
  {
    when: "a gate cannot tell: it waits",
    rollout: [{ phase: "gates", sinceMs: NOW_MS - 3_600_000 }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("inconclusive")] },
    then: [],
  },
  {
    when: "a gate could not tell for too long: the rollout pauses, and says what is missing",
    rollout: [{ phase: "gates", sinceMs: NOW_MS - 3_600_001 }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("inconclusive")] },
    then: ["settle paused: stage canary: gate error_rate cannot tell: 20 % of 150 requests, at most 1 %"],
  },
  {
    when: "a person let the stage through: its gates are not asked",
    rollout: [{ phase: "gates", gatesWaivedStage: 0 }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("fail")] },
    then: ["stage 1 deploying"],
  },
  {
    when: "a gate fails during the soak: the rollout does not wait for its end",
    rollout: [{ phase: "soaking" }, STAGED],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("fail")] },
    then: ["settle rolling-back: stage canary: gate error_rate failed: 20 % of 150 requests, at most 1 %"],
  },
  {
    when: "a gate fails and the rollout was to pause then: it pauses",
    rollout: [{ phase: "gates" }, { ...STAGED, abort: { ...STAGED.abort, then: "pause" } }],
    members: [...standing("done", 2), ...idle(6)],
    around: { gates: [gate("fail")] },
    then: ["settle paused: stage canary: gate error_rate failed: 20 % of 150 requests, at most 1 %"],
  },
  {
    when: "a device fell back while the stage waited for its gates: the stage is not over",
    rollout: [{ phase: "gates" }, STAGED],
    members: [...standing("done", 2), ...standing("deploying", 1), ...idle(6)],
    around: { gates: [gate("pass")] },
    then: ["stage 0 deploying"],
  },
  {
    when: "more failed than the abort criteria allow: it goes back",
    rollout: [{}, STAGED],
    members: [...standing("done", 4), ...standing("failed", 1), ...standing("deploying", 5)],
    then: ["settle rolling-back: 1 of 5 devices failed: 20 %, and 10 % may"],
  },
  {
    when: "too few are settled for the abort criteria: one failure does not stop it",
    rollout: [{}, { ...STAGED, abort: { ...STAGED.abort, devicesMin: 6 } }],
    members: [...standing("done", 4), ...standing("failed", 1), ...standing("deploying", 5)],
    then: [],
  },
  {
    when: "a person accepted the failures that there are: they do not stop it again",
    rollout: [{ failuresAccepted: 1 }, STAGED],
    members: [...standing("done", 4), ...standing("failed", 1), ...standing("deploying", 5)],
    then: [],
  },
  {
    when: "the quorum of a stage is missed: nobody said what then, so it pauses and asks",
    rollout: [{}, { stages: [stage("canary", 0.5), stage("all", 1)] }],
    members: [...standing("done", 3), ...standing("failed", 1), ...idle(4)],
    then: ["settle paused: stage canary: 3 of 4 devices done, and 100 % must be"],
  },
  {
    when: "the next stage needs an approval: it waits for one",
    rollout: [{}, { stages: [stage("canary", 0.5), stage("all", 1, { approval: "required" })] }],
    members: [...standing("done", 4), ...idle(4)],
    then: ["stage 1 approval"],
  },
  {
    when: "the next stage was approved beforehand: it begins",
    rollout: [
      { approvals: [{ stage: 1, by: "bob", atMs: NOW_MS }] },
      { stages: [stage("canary", 0.5), stage("all", 1, { approval: "required" })] },
    ],
    members: [...standing("done", 4), ...idle(4)],
    then: ["stage 1 deploying"],
  },
  {
    when: "nobody has approved the stage: nothing is issued",
    rollout: [{ phase: "approval" }, { stages: [stage("all", 1, { approval: "required" })] }],
    members: fresh(4),
    then: [],
  },
  {
    when: "earlier stages took everyone: a stage without devices neither soaks nor asks its gates",
    rollout: [{ stage: 1 }, { ...STAGED, stages: [stage("canary", 0.25), stage("all", 1, { soakMs: 60_000 })] }],
    members: standing("done", 1),
    then: ["settle completed"],
  },
  {
    when: "some failed, and the abort criteria tolerate as many: it completes, and says so",
    rollout: [{}, { abort: { failedShareMax: 0.1, devicesMin: 5, then: "rollback" } }],
    members: [...standing("done", 19), ...standing("failed", 1)],
    then: ["settle completed: 1 of 20 devices failed, which is within what it tolerates"],
  },
];

for (const { when, rollout, members, around, then } of cases) {
  t.test(when, async (t) => t.same(inShort(decide(situation(facts(...rollout), members, around))), then));
}
