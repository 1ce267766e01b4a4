import { VERIFY_MS_MAX } from "../../../agent/update/bounds.ts";
import { POISON_MS } from "../../../agent/update/poison.ts";
import { activating, committed, heldOne, heldTwo, kept, NOW, one, SEQ, two } from "../../support/slot-states.ts";
import { check, desired } from "../../support/transition-cases.ts";

const tuned = { ...one, params: { threshold: 0.6 } };
const notAllowed = { code: "bundle-parameters", message: "threshold is 2" } as const;
const retuning = {
  phase: "verifying",
  ...kept,
  seq: SEQ,
  wish: tuned,
  tries: 0,
  deadlineMs: NOW + 10,
  source: "held",
} as const;

check("other parameters of what answers are checked, and need no other runner", [
  {
    when: "they are wished",
    state: committed,
    event: desired(tuned),
    around: { held: new Set([one.statement]) },
    then: { phase: "verifying", source: "held", wish: tuned, active: heldOne, deadlineMs: NOW + VERIFY_MS_MAX },
    effects: [{ kind: "verify", work: 8, wish: tuned, source: "held" }],
  },
  {
    when: "they are allowed",
    state: retuning,
    event: { kind: "verified", work: 7 },
    then: { phase: "committed", wish: tuned, active: { ...heldOne, params: { threshold: 0.6 } }, work: 7 },
    effects: [],
  },
  {
    when: "they are refused: the former ones stay",
    state: retuning,
    event: { kind: "refused", work: 7, refusal: notAllowed },
    then: { phase: "failed", refusal: notAllowed, active: heldOne },
    effects: [],
    poison: { kind: "poison", poison: { wish: tuned, refusal: notAllowed, untilMs: NOW + POISON_MS } },
  },
  {
    when: "they are wished again",
    state: { ...committed, wish: tuned, active: { ...heldOne, params: { threshold: 0.6 } } },
    event: desired(tuned),
    then: { phase: "committed" },
    effects: [],
  },
  {
    when: "the defaults are wished again",
    state: { ...committed, wish: tuned, active: { ...heldOne, params: { threshold: 0.6 } } },
    event: desired(one),
    around: { held: new Set([one.statement]) },
    then: { phase: "verifying", source: "held", wish: one },
    effects: [{ kind: "verify", work: 8, wish: one, source: "held" }],
  },
  {
    when: "a candidate begins to soak with its own",
    state: { ...activating, wish: { ...two, params: { threshold: 0.7 } } },
    event: { kind: "activated", work: 7, bundle: heldTwo },
    then: { phase: "soaking", candidate: { ...heldTwo, params: { threshold: 0.7 } }, active: heldOne },
    effects: [],
  },
]);
