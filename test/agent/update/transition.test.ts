import t from "tap";
import type { ModelVersion, Sha256 } from "../../../protocol/ids.ts";
import {
  ACTIVATE_MS_MAX,
  DEADLINE_TRIES_MAX,
  QUALIFY_MS_MAX,
  RETRY,
  SOAK_MS_DEFAULT,
  TRANSFER_MS_MAX,
  VERIFY_MS_MAX,
} from "../../../agent/update/bounds.ts";
import { POISON_MS } from "../../../agent/update/poison.ts";
import type { SlotEvent } from "../../../agent/update/slot-event.ts";
import { checkSlotState, EMPTY_SLOT, type SlotState } from "../../../agent/update/state.ts";
import { transition } from "../../../agent/update/transition.ts";
import {
  NOW,
  final,
  passing,
  late,
  idle,
  transferring,
  verifying,
  verifyingHeld,
  qualifying,
  activating,
  committed,
  failed,
  soaking,
  waiting,
  all,
  SEQ,
  one,
  two,
  three,
  heldOne,
  heldTwo,
  verified,
  ready,
} from "../../support/slot-states.ts";
import { around, check, desired, mateFailed, spotless, turningBack } from "../../support/transition-cases.ts";

check("a wish takes the shortest way to an answer", [
  {
    when: "nothing is there",
    state: EMPTY_SLOT,
    event: desired(one),
    then: { phase: "transferring", wish: one, tries: 0, deadlineMs: NOW + TRANSFER_MS_MAX, work: 1 },
    effects: [{ kind: "transfer", work: 1, wish: one }],
  },
  {
    when: "the bundle is held",
    state: committed,
    event: desired(two),
    around: { held: new Set([two.statement]) },
    then: { phase: "verifying", source: "held", wish: two, deadlineMs: NOW + VERIFY_MS_MAX, work: 8 },
    effects: [{ kind: "verify", work: 8, wish: two, source: "held" }],
  },
  {
    when: "it is what answers already",
    state: failed,
    event: desired(one),
    then: { phase: "committed", wish: one, active: heldOne },
    effects: [],
  },
]);

check("a wish for the old one while the traffic is being turned over", [
  {
    when: "the old one is wished: it never stopped being the active one",
    state: activating,
    event: desired(one),
    then: { phase: "committed", wish: one, active: heldOne, work: 8 },
    effects: [{ kind: "cancel", work: 7 }],
  },
  {
    when: "the new one has the traffic meanwhile: what stands by gets it back",
    state: { ...committed, work: 8 },
    event: { kind: "activated", work: 7, bundle: heldTwo },
    then: { phase: "committed", wish: one, active: heldOne },
    effects: [turningBack],
  },
  {
    when: "a third one is on its way meanwhile",
    state: { ...verifyingHeld, wish: three, work: 8 },
    event: { kind: "activated", work: 7, bundle: heldTwo },
    then: { phase: "verifying", wish: three, active: heldOne },
    effects: [turningBack],
  },
]);

check("each step leads to the next", [
  {
    when: "transferred",
    state: transferring,
    event: { kind: "transferred", work: 7 },
    then: { phase: "verifying", source: "archive", deadlineMs: NOW + VERIFY_MS_MAX },
    effects: [{ kind: "verify", work: 7, wish: two, source: "archive" }],
  },
  {
    when: "verified",
    state: verifying,
    event: { kind: "verified", work: 7 },
    then: { phase: "qualifying", deadlineMs: NOW + QUALIFY_MS_MAX },
    effects: [{ kind: "qualify", work: 7, wish: two }],
  },
  {
    when: "qualified",
    state: qualifying,
    event: { kind: "qualified", work: 7 },
    then: { phase: "activating", active: heldOne, deadlineMs: NOW + ACTIVATE_MS_MAX },
    effects: [{ kind: "activate", work: 7, wish: two }],
  },
  {
    when: "activated: it soaks, and the former is what is committed to",
    state: activating,
    event: { kind: "activated", work: 7, bundle: heldTwo },
    then: {
      phase: "soaking",
      candidate: heldTwo,
      active: heldOne,
      lastKnownGood: null,
      untilMs: NOW + SOAK_MS_DEFAULT,
      hasPassed: false,
    },
    effects: [],
  },
  {
    when: "activated, with no time to soak",
    state: { ...activating, wish: { ...two, soakMs: 0 } },
    event: { kind: "activated", work: 7, bundle: heldTwo },
    then: { phase: "committed", active: heldTwo, lastKnownGood: heldOne },
    effects: [{ kind: "release" }],
    poison: { kind: "absolve", wish: { ...two, soakMs: 0 } },
  },
]);

t.test("the newest wish supersedes in every phase", async (t) => {
  for (const state of all.filter(({ phase }) => phase !== "idle")) {
    const { next, effects } = transition(state, desired(three), around());
    t.match(next, { phase: "transferring", wish: three, work: 8, active: heldOne }, `from ${state.phase}`);
    const isWorking = "deadlineMs" in state;
    const cancelled = isWorking ? [{ kind: "cancel", work: 7 }] : state.phase === "soaking" ? [turningBack] : [];
    t.strictSame(effects, [...cancelled, { kind: "transfer", work: 8, wish: three }], `effects from ${state.phase}`);
  }
});

t.test("the same wish again disturbs nothing that is under way", async (t) => {
  for (const state of [transferring, verifying, verified, qualifying, ready, activating, soaking]) {
    t.strictSame(transition(state, desired(two), around()), { next: state, effects: [] }, state.phase);
  }
});

t.test("a repaired archive of the same statement is another wish", async (t) => {
  const repaired = { ...two, archive: { ...two.archive, sha256: "f".repeat(64) as Sha256 } };
  t.match(transition(failed, desired(repaired), around()).next, {
    phase: "transferring",
    wish: repaired,
  });
});

t.test("a bundle under another label is looked at as a whole, not taken for the one that answers", async (t) => {
  const mislabelled = { ...one, version: "9.9.9" as ModelVersion };
  const { next } = transition(committed, desired(mislabelled), around({ held: new Set([one.statement]) }));
  t.match(next, { phase: "verifying", source: "held", wish: mislabelled });
});

check("a slot that is not wished any more is emptied", [
  ...all
    .filter((state) => state.phase !== "idle")
    .map((state) => ({
      when: `from ${state.phase}`,
      state,
      event: { kind: "undesired" } as const,
      then: { phase: "idle", active: null, lastKnownGood: null, work: 8 } as const,
      effects: [...("deadlineMs" in state ? [{ kind: "cancel", work: 7 } as const] : []), { kind: "clear" } as const],
    })),
  { when: "from idle", state: idle, event: { kind: "undesired" }, then: idle, effects: [] },
]);

check("refusals", [
  {
    when: "for good: remembered for a day, the active bundle goes on",
    state: qualifying,
    event: { kind: "refused", work: 7, refusal: final },
    then: { phase: "failed", wish: two, refusal: final, retryAtMs: NOW + POISON_MS, active: heldOne },
    effects: [],
    poison: { kind: "poison", poison: { wish: two, refusal: final, untilMs: NOW + POISON_MS } },
  },
  {
    when: "for a cause that may pass: tried again after a while",
    state: transferring,
    event: { kind: "refused", work: 7, refusal: passing },
    then: { phase: "waiting", wish: two, tries: 1, retryAtMs: NOW + RETRY.firstMs, refusal: passing, active: heldOne },
    effects: [],
  },
  {
    when: "a held bundle that was damaged on disk: fetched again",
    state: verifyingHeld,
    event: { kind: "refused", work: 7, refusal: { code: "bundle-file-digest", message: "differs" } },
    then: { phase: "transferring", wish: two },
    effects: [{ kind: "transfer", work: 7, wish: two }],
  },
  {
    when: "a fetched bundle with a wrong file: final",
    state: verifying,
    event: { kind: "refused", work: 7, refusal: { code: "bundle-file-digest", message: "differs" } },
    then: { phase: "failed" },
    effects: [],
    poison: {
      kind: "poison",
      poison: { wish: two, refusal: { code: "bundle-file-digest", message: "differs" }, untilMs: NOW + POISON_MS },
    },
  },
  {
    when: "a held bundle that must not run any more: final",
    state: verifyingHeld,
    event: { kind: "refused", work: 7, refusal: { code: "bundle-rollback-index", message: "below" } },
    then: { phase: "failed" },
    effects: [],
    poison: {
      kind: "poison",
      poison: { wish: two, refusal: { code: "bundle-rollback-index", message: "below" }, untilMs: NOW + POISON_MS },
    },
  },
  {
    when: "the third deadline of a costly step: final",
    state: { ...qualifying, tries: DEADLINE_TRIES_MAX - 1 },
    event: { kind: "refused", work: 7, refusal: late },
    then: { phase: "failed", refusal: late },
    effects: [],
    poison: { kind: "poison", poison: { wish: two, refusal: late, untilMs: NOW + POISON_MS } },
  },
  {
    when: "the tenth deadline of a transfer: still tried again, no more than every quarter of an hour",
    state: { ...transferring, tries: 9 },
    event: { kind: "refused", work: 7, refusal: late },
    then: { phase: "waiting", tries: 10, retryAtMs: NOW + RETRY.mostMs },
    effects: [],
  },
]);

check("time", [
  { when: "before a deadline", state: transferring, event: { kind: "ticked" }, then: transferring, effects: [] },
  {
    when: "at a deadline",
    state: qualifying,
    event: { kind: "ticked" },
    around: { nowMs: NOW + 10 },
    then: { phase: "waiting", refusal: { code: "deadline" }, work: 8, tries: 1 } as Partial<SlotState>,
    effects: [{ kind: "cancel", work: 7 }],
  },
  {
    when: "at a retry",
    state: waiting,
    event: { kind: "ticked" },
    around: { nowMs: NOW + 50 },
    then: { phase: "transferring", tries: 1, work: 8 },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "at a retry of an unfresh device",
    state: waiting,
    event: { kind: "ticked" },
    around: { nowMs: NOW + 50, mayInstall: false },
    then: waiting,
    effects: [],
  },
  {
    when: "when a refusal has been remembered long enough",
    state: failed,
    event: { kind: "ticked" },
    around: { nowMs: NOW + 50 },
    then: { phase: "transferring", tries: 0, work: 8 },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "when the operator wishes the same again after that long",
    state: failed,
    event: desired(two),
    around: { nowMs: NOW + 50 },
    then: { phase: "transferring" },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  { when: "a refusal in between", state: failed, event: desired(two), then: failed, effects: [] },
]);

check("a boot", [
  ...[transferring, verifying, verified, qualifying, ready, activating, waiting].map((state) => ({
    when: `in ${state.phase}: the old one answers, the wish waits for a fresh deployment`,
    state,
    event: { kind: "booted" } as const,
    then: { phase: "waiting", wish: two, retryAtMs: null, active: heldOne } as const,
    effects: [{ kind: "restore", bundle: heldOne } as const],
  })),
  {
    when: "when committed",
    state: committed,
    event: { kind: "booted" },
    then: committed,
    effects: [{ kind: "restore", bundle: heldOne }],
  },
  { when: "with nothing", state: idle, event: { kind: "booted" }, then: idle, effects: [] },
  {
    when: "and the fresh deployment that confirms the wish",
    state: { ...waiting, retryAtMs: null },
    event: desired(two),
    then: { phase: "transferring", wish: two },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "without one: time alone does not start anything",
    state: { ...waiting, retryAtMs: null },
    event: { kind: "ticked" },
    around: { nowMs: NOW + 1e9 },
    then: { phase: "waiting" },
    effects: [],
  },
]);

check("what answered before cannot be brought back", [
  {
    when: "the last-known-good one takes its place, and the wish waits",
    state: { ...committed, active: heldTwo, lastKnownGood: heldOne, wish: two },
    event: { kind: "not-restored", bundle: heldTwo, refusal: { code: "bundle-file-digest", message: "a bit flipped" } },
    then: { phase: "rolled-back", wish: two, active: null, lastKnownGood: heldOne, retryAtMs: null },
    effects: [{ kind: "restore", bundle: heldOne }],
  },
  {
    when: "nothing else is there",
    state: committed,
    event: { kind: "not-restored", bundle: heldOne, refusal: final },
    then: { phase: "waiting", active: null, lastKnownGood: null },
    effects: [{ kind: "clear" }],
  },
  {
    when: "the fallback answers",
    state: { ...waiting, active: null, lastKnownGood: heldOne },
    event: { kind: "restored", bundle: heldOne },
    then: { phase: "waiting", active: heldOne, lastKnownGood: null },
    effects: [],
  },
]);

check("outcomes of attempts that are over", [
  ...(["transferred", "verified"] as const).map((kind) => ({
    when: kind,
    state: transferring,
    event: { kind, work: 6 },
    then: transferring,
    effects: [],
  })),
  {
    when: "a late refusal",
    state: transferring,
    event: { kind: "refused", work: 6, refusal: final },
    then: transferring,
    effects: [],
  },
  {
    when: "a late qualification: its runner ends",
    state: transferring,
    event: { kind: "qualified", work: 6 },
    then: transferring,
    effects: [{ kind: "cancel", work: 6 }],
  },
  {
    when: "an activation that an empty wish overtook: it is turned back to nothing",
    state: idle,
    event: { kind: "activated", work: 6, bundle: heldTwo },
    then: idle,
    effects: [{ kind: "turn-back", from: heldTwo, to: null }],
  },
]);

t.test("every event has an answer in every phase, and what is stored can be read again", async (t) => {
  const events: SlotEvent[] = [
    { kind: "booted" },
    desired(one),
    desired(two),
    desired(three),
    { kind: "undesired" },
    { kind: "transferred", work: 7 },
    { kind: "verified", work: 7 },
    { kind: "qualified", work: 7 },
    { kind: "activated", work: 7, bundle: heldTwo },
    { kind: "observed", observation: spotless },
    { kind: "observed", observation: { ...spotless, requests: 9, failed: 9 } },
    { kind: "lost", statement: heldOne.statement, refusal: final },
    { kind: "lost", statement: heldTwo.statement, refusal: passing },
    desired(two, SEQ + 1),
    { kind: "refused", work: 7, refusal: final },
    { kind: "refused", work: 7, refusal: passing },
    { kind: "restored", bundle: heldOne },
    { kind: "not-restored", bundle: heldOne, refusal: final },
    { kind: "ticked" },
  ];
  for (const state of all) {
    for (const event of events) {
      for (const nowMs of [NOW, NOW + 1e12]) {
        for (const changes of [{}, mateFailed]) {
          const { next } = transition(state, event, around({ nowMs, ...changes }));
          t.strictSame(checkSlotState(JSON.parse(JSON.stringify(next))), next, `${event.kind} in ${state.phase}`);
        }
      }
    }
  }
});
