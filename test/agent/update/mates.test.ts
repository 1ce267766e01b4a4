import t from "tap";
import type { ModelName } from "../../../protocol/ids.ts";
import { AGENT_NAME } from "../../../protocol/bundle/agent-part.ts";
import type { Deployment } from "../../../protocol/trust/deployment.ts";
import { DEADLINE_TRIES_MAX, READY_MS_MAX, VERIFIED_MS_MAX } from "../../../agent/update/bounds.ts";
import { groupsUnder, matesNamed, matesOf } from "../../../agent/update/mates.ts";
import { POISON_MS } from "../../../agent/update/poison.ts";
import type { SlotState } from "../../../agent/update/state.ts";
import { device, fleet } from "../../support/agent-bench.ts";
import {
  activating,
  committed,
  failed,
  final,
  heldOne,
  NOW,
  one,
  passing,
  qualifying,
  ready,
  rolledBack,
  SEQ,
  soaking,
  three,
  transferring,
  two,
  verified,
  verifying,
  waiting,
} from "../../support/slot-states.ts";
import { alone, check, desired, heldBack, mateFailed, turningBack } from "../../support/transition-cases.ts";

const [a, b, c] = ["a", "b", "c"].map((name) => name as ModelName) as [ModelName, ModelName, ModelName];
const wishFor = (slot: ModelName, wish = two) => ({ ...wish, slot });
const deploymentOf = (seq: number, ...slots: Deployment["slots"]): Deployment => ({
  v: 1,
  fleet,
  device,
  seq,
  rootVersion: 1,
  issued: "2026-11-21T10:00:00.000Z",
  expires: "2026-11-28T10:00:00.000Z",
  slots,
});

t.test("a slot alone in its deployment waits for nobody", async (t) => {
  const states = new Map<ModelName, SlotState>([
    [a, transferring],
    [b, { ...failed, seq: SEQ - 1 }],
  ]);
  t.strictSame(matesOf(a, states), alone);
  t.strictSame(matesNamed(a, states), []);
});

const gates = [
  { gate: "under way", states: [waiting, transferring, verifying, { ...rolledBack, refusal: passing }] },
  { gate: "verified", states: [verified, qualifying] },
  { gate: "ready", states: [ready, activating, soaking] },
  { gate: "soaked", states: [{ ...soaking, hasPassed: true }, committed] },
] as const;

for (const { gate, states } of gates) {
  for (const state of states) {
    t.test(`a mate in ${state.phase} has reached: ${gate}`, async (t) => {
      const all = new Map<ModelName, SlotState>([
        [a, ready],
        [b, { ...soaking, hasPassed: true }],
        [c, state],
      ]);
      t.match(matesOf(a, all), { all: gate, failed: undefined }, "the slowest counts");
    });
  }
}

t.test("a mate that is not done and has a former is one that goes back to it", async (t) => {
  const isOneFormer = (mate: SlotState) =>
    matesOf(
      a,
      new Map<ModelName, SlotState>([
        [a, ready],
        [b, mate],
      ]),
    ).isOneFormer;
  t.equal(isOneFormer(soaking), true);
  t.equal(isOneFormer({ ...soaking, active: null, lastKnownGood: null }), false);
  t.equal(isOneFormer({ ...waiting, active: heldOne }), true);
  t.equal(isOneFormer(committed), false);
});

t.test("a mate that failed for good is named; one that was held back itself is not", async (t) => {
  const states = new Map<ModelName, SlotState>([
    [a, ready],
    [b, { ...failed, refusal: heldBack }],
    [c, rolledBack],
  ]);
  t.strictSame(matesOf(a, states).failed, { slot: c, refusal: final });
  states.delete(c);
  t.equal(matesOf(a, states).failed, undefined);
});

const group = new Map<ModelName, SlotState>([
  [a, { ...failed, wish: wishFor(a) }],
  [b, { ...failed, wish: wishFor(b), refusal: heldBack }],
  [c, { ...committed, wish: wishFor(c, one), active: heldOne, seq: SEQ - 1 }],
]);

for (const { what, deployment, groups } of [
  {
    what: "says the same of a group leaves it as it is",
    deployment: deploymentOf(9, wishFor(a), wishFor(b), wishFor(c, three)),
    groups: [SEQ, SEQ, 9],
  },
  {
    what: "wishes something else of one slot makes its mates another group",
    deployment: deploymentOf(9, wishFor(a, three), wishFor(b), wishFor(c, one)),
    groups: [9, 9, SEQ - 1],
  },
  {
    what: "wants another try of one slot makes its mates another group",
    deployment: deploymentOf(9, { ...wishFor(a), retry: 1 }, wishFor(b), wishFor(c, one)),
    groups: [9, 9, SEQ - 1],
  },
  {
    what: "leaves a slot out frees its mates",
    deployment: deploymentOf(9, wishFor(b), wishFor(c, one)),
    groups: [undefined, 9, SEQ - 1],
  },
]) {
  t.test(`a deployment that ${what}`, async (t) => {
    const found = groupsUnder(group, deployment);
    t.strictSame(
      [a, b, c].map((slot) => found.get(slot)),
      groups,
    );
  });
}

check("mates wait for each other", [
  {
    when: "verified before them",
    state: verifying,
    event: { kind: "verified", work: 7 },
    around: { mates: { ...alone, all: "under way" } },
    then: { phase: "verified", deadlineMs: NOW + VERIFIED_MS_MAX },
    effects: [],
  },
  {
    when: "they are verified too",
    state: verified,
    event: { kind: "ticked" },
    around: { mates: { ...alone, all: "verified" } },
    then: { phase: "qualifying" },
    effects: [{ kind: "qualify", work: 7, wish: two }],
  },
  {
    when: "qualified before them",
    state: qualifying,
    event: { kind: "qualified", work: 7 },
    around: { mates: { ...alone, all: "verified" } },
    then: { phase: "ready", deadlineMs: NOW + READY_MS_MAX },
    effects: [],
  },
  {
    when: "they are qualified too",
    state: ready,
    event: { kind: "ticked" },
    around: { mates: { ...alone, all: "ready" } },
    then: { phase: "activating" },
    effects: [{ kind: "activate", work: 7, wish: two }],
  },
  {
    when: "they take too long: the runner ends, and another attempt begins later",
    state: ready,
    event: { kind: "ticked" },
    around: { nowMs: NOW + 10, mates: { ...alone, all: "verified" } },
    then: { phase: "waiting", refusal: { code: "deadline" }, tries: 1 } as Partial<SlotState>,
    effects: [{ kind: "cancel", work: 7 }],
  },
  {
    when: "the third time: for good",
    state: { ...ready, tries: DEADLINE_TRIES_MAX - 1 },
    event: { kind: "ticked" },
    around: { nowMs: NOW + 10, mates: { ...alone, all: "verified" } },
    then: { phase: "failed", refusal: { code: "deadline" } } as Partial<SlotState>,
    effects: [{ kind: "cancel", work: 7 }],
    poison: {
      kind: "poison",
      poison: {
        wish: two,
        refusal: { code: "deadline", message: "ready took longer than it may" },
        untilMs: NOW + 10 + POISON_MS,
      },
    },
  },
]);

check("a mate that fails for good", [
  ...[transferring, verifying, verified, qualifying, ready].map((state) => ({
    when: `in ${state.phase}: held back, and not poisoned`,
    state,
    event: { kind: "ticked" } as const,
    around: mateFailed,
    then: { phase: "failed", wish: two, refusal: heldBack } as const,
    effects: [{ kind: "cancel", work: 7 } as const],
  })),
  {
    when: "in waiting",
    state: waiting,
    event: { kind: "ticked" },
    around: mateFailed,
    then: { phase: "failed", refusal: heldBack },
    effects: [],
  },
  {
    when: "while the traffic is being turned over: it soaks first",
    state: activating,
    event: { kind: "ticked" },
    around: mateFailed,
    then: activating,
    effects: [],
  },
  {
    when: "while soaking: turned back",
    state: soaking,
    event: { kind: "ticked" },
    around: mateFailed,
    then: { phase: "rolled-back", refusal: heldBack, active: heldOne },
    effects: [turningBack],
  },
  {
    when: "when committed",
    state: committed,
    event: { kind: "ticked" },
    around: mateFailed,
    then: committed,
    effects: [],
  },
  {
    when: "and has another chance: what was held back for it has one too",
    state: { ...failed, refusal: heldBack },
    event: { kind: "ticked" },
    then: { phase: "transferring", seq: SEQ },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "and still stands in the way",
    state: { ...rolledBack, refusal: heldBack },
    event: { kind: "ticked" },
    around: { ...mateFailed, nowMs: NOW + 1e12 },
    then: { phase: "rolled-back", refusal: heldBack },
    effects: [],
  },
  {
    when: "and another deployment wishes something else of it",
    state: { ...failed, refusal: heldBack },
    event: desired(two, SEQ + 1),
    then: { phase: "transferring", seq: SEQ + 1 },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "in an earlier deployment: a failure of its own stays one",
    state: failed,
    event: desired(two, SEQ + 1),
    then: failed,
    effects: [],
  },
]);

check("another deployment that wishes the same of this slot, but not of its mates", [
  ...[transferring, verifying, verified, qualifying, ready, activating].map((state) => ({
    when: `in ${state.phase}: it goes on, with the new mates`,
    state,
    event: desired(two, SEQ + 1),
    then: { ...state, seq: SEQ + 1 },
    effects: [],
  })),
  {
    when: "in soaking: what has the traffic was meant for other mates",
    state: soaking,
    event: desired(two, SEQ + 1),
    around: { held: new Set([two.statement]) },
    then: { phase: "verifying", source: "held", seq: SEQ + 1, active: heldOne },
    effects: [turningBack, { kind: "verify", work: 8, wish: two, source: "held" }],
  },
  { when: "when committed", state: committed, event: desired(one, SEQ + 1), then: committed, effects: [] },
]);

t.test("the agent changes by itself, when no model is on its way to traffic", async (t) => {
  for (const [state, all] of [
    [committed, "soaked"],
    [waiting, "soaked"],
    [transferring, "soaked"],
    [qualifying, "verified"],
    [soaking, "verified"],
    [failed, "soaked"],
  ] as const) {
    const states = new Map<ModelName, SlotState>([
      [AGENT_NAME, ready],
      [a, state],
    ]);
    t.strictSame(matesOf(AGENT_NAME, states), { ...alone, all }, state.phase);
    t.strictSame(matesOf(a, states), alone, "and no model waits for it");
    t.strictSame([...matesNamed(a, states), ...matesNamed(AGENT_NAME, states)], []);
  }
});
