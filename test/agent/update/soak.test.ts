import {
  ACTIVATE_MS_MAX,
  LOST_RETRY_MS,
  SOAK_MS_DEFAULT,
  SOAK_TRIES_MAX,
  SOAKED_MS_MAX,
} from "../../../agent/update/bounds.ts";
import { POISON_MS } from "../../../agent/update/poison.ts";
import { heldOne, heldTwo, NOW, one, passing, soaking, three, two } from "../../support/slot-states.ts";
import { alone, check, desired, spotless, turningBack } from "../../support/transition-cases.ts";

const over = NOW + SOAK_MS_DEFAULT;
const observed = (changes: Partial<typeof spotless> = {}) =>
  ({ kind: "observed", observation: { ...spotless, ...changes } }) as const;
const bad = observed({ requests: 10, failed: 9 });
const refusal = {
  code: "soak-errors",
  message: "9 of 10 real requests failed in the model; 5 % are tolerated",
} as const;

check("a version that answers and is watched", [
  { when: "does well, and time is left", state: soaking, event: observed(), then: soaking, effects: [] },
  {
    when: "did well to the end: the former is let go of, and is last-known-good from here on",
    state: soaking,
    event: observed(),
    around: { nowMs: over },
    then: { phase: "committed", active: heldTwo, lastKnownGood: heldOne, wish: two },
    effects: [{ kind: "release" }],
    poison: { kind: "absolve", wish: two },
  },
  {
    when: "did well, but its mates are not that far",
    state: soaking,
    event: observed(),
    around: { nowMs: over, mates: { ...alone, all: "ready" } },
    then: { phase: "soaking", hasPassed: true, active: heldOne },
    effects: [],
  },
  {
    when: "did well, and its mates have now passed too",
    state: { ...soaking, hasPassed: true },
    event: { kind: "ticked" },
    around: { nowMs: over },
    then: { phase: "committed", active: heldTwo },
    effects: [{ kind: "release" }],
    poison: { kind: "absolve", wish: two },
  },
  {
    when: "did well, and does badly while it waits for its mates",
    state: { ...soaking, hasPassed: true },
    event: bad,
    around: { nowMs: over, mates: { ...alone, all: "ready" } },
    then: { phase: "rolled-back", refusal },
    effects: [turningBack],
    poison: { kind: "poison", poison: { wish: two, refusal, untilMs: over + POISON_MS } },
  },
  {
    when: "waits for mates longer than it may",
    state: { ...soaking, hasPassed: true },
    event: { kind: "ticked" },
    around: { nowMs: over + SOAKED_MS_MAX, mates: { ...alone, all: "ready" } },
    then: { phase: "rolled-back", retryAtMs: over + SOAKED_MS_MAX + LOST_RETRY_MS },
    effects: [turningBack],
  },
  {
    when: "does badly: the former answers, and the bundle is poisoned",
    state: soaking,
    event: bad,
    then: { phase: "rolled-back", refusal, active: heldOne, lastKnownGood: null, retryAtMs: NOW + POISON_MS },
    effects: [turningBack],
    poison: { kind: "poison", poison: { wish: two, refusal, untilMs: NOW + POISON_MS } },
  },
  {
    when: "is not seen by the engine any more",
    state: soaking,
    event: { kind: "ticked" },
    around: { nowMs: over + SOAK_MS_DEFAULT + ACTIVATE_MS_MAX },
    then: { phase: "rolled-back", active: heldOne },
    effects: [turningBack],
  },
  {
    when: "is lost",
    state: soaking,
    event: { kind: "lost", statement: heldTwo.statement, refusal: { code: "runner-crash", message: "again" } },
    then: { phase: "rolled-back", refusal: { code: "runner-crash", message: "again" } },
    effects: [turningBack],
    poison: {
      kind: "poison",
      poison: { wish: two, refusal: { code: "runner-crash", message: "again" }, untilMs: NOW + POISON_MS },
    },
  },
  {
    when: "is superseded by another: the former answers until that one does, and is still the last good one",
    state: soaking,
    event: desired(three),
    then: { phase: "transferring", wish: three, active: heldOne, lastKnownGood: null },
    effects: [turningBack, { kind: "transfer", work: 8, wish: three }],
  },
  {
    when: "is superseded by the former",
    state: soaking,
    event: desired(one),
    then: { phase: "committed", wish: one, active: heldOne },
    effects: [turningBack],
  },
]);

const nothingBefore = { ...soaking, active: null, lastKnownGood: null };
const told = `${refusal.message}. Nothing served the slot before, so nothing serves it.`;

check("a version that soaks where nothing answered before", [
  {
    when: "does badly: nothing answers, and that is said",
    state: nothingBefore,
    event: bad,
    then: { phase: "rolled-back", active: null, refusal: { code: "soak-errors", message: told } },
    effects: [{ kind: "turn-back", from: heldTwo, to: null }],
    poison: {
      kind: "poison",
      poison: { wish: two, refusal: { code: "soak-errors", message: told }, untilMs: NOW + POISON_MS },
    },
  },
  {
    when: "does well",
    state: nothingBefore,
    event: observed(),
    around: { nowMs: over },
    then: { phase: "committed", active: heldTwo, lastKnownGood: null },
    effects: [{ kind: "release" }],
    poison: { kind: "absolve", wish: two },
  },
]);

check("a boot while a version soaks", [
  {
    when: "the former answers: what was being watched may be what brought the device down",
    state: { ...soaking, tries: 1 },
    event: { kind: "booted" },
    then: { phase: "waiting", wish: two, active: heldOne, retryAtMs: null, tries: 2 },
    effects: [{ kind: "restore", bundle: heldOne }],
  },
  {
    when: "once too often",
    state: { ...soaking, tries: SOAK_TRIES_MAX - 1 },
    event: { kind: "booted" },
    then: { phase: "rolled-back", active: heldOne, retryAtMs: NOW + POISON_MS },
    effects: [{ kind: "restore", bundle: heldOne }],
    poison: {
      kind: "poison",
      poison: {
        wish: two,
        refusal: {
          code: "soak-interrupted",
          message: "The device or its agent ended 5 times while this version was tried or soaked",
        },
        untilMs: NOW + POISON_MS,
      },
    },
  },
  {
    when: "all mates had passed: the commitment was decided",
    state: { ...soaking, hasPassed: true },
    event: { kind: "booted" },
    then: { phase: "committed", active: heldTwo, lastKnownGood: heldOne },
    effects: [{ kind: "restore", bundle: heldTwo }],
    poison: { kind: "absolve", wish: two },
  },
  {
    when: "not all mates had passed",
    state: { ...soaking, hasPassed: true },
    event: { kind: "booted" },
    around: { mates: { ...alone, all: "ready" } },
    then: { phase: "waiting", active: heldOne },
    effects: [{ kind: "restore", bundle: heldOne }],
  },
  {
    when: "nothing answered before: the candidate answers again, and is watched",
    state: nothingBefore,
    event: { kind: "booted" },
    then: { phase: "soaking", candidate: heldTwo, untilMs: null, tries: 1 },
    effects: [{ kind: "restore", bundle: heldTwo }],
  },
  {
    when: "nothing answered before, and a mate goes back to its former: no mix",
    state: nothingBefore,
    event: { kind: "booted" },
    around: { mates: { ...alone, all: "ready", isOneFormer: true } },
    then: { phase: "waiting", active: null },
    effects: [],
  },
  {
    when: "and it does",
    state: { ...nothingBefore, untilMs: null },
    event: { kind: "restored", bundle: heldTwo },
    then: { phase: "soaking", active: null, untilMs: null },
    effects: [],
  },
  {
    when: "it does not commit before a fresh deployment confirms the wish",
    state: { ...nothingBefore, untilMs: null },
    event: observed(),
    around: { nowMs: NOW + 1e12 },
    then: { phase: "soaking", untilMs: null },
    effects: [],
  },
  {
    when: "the fresh deployment comes: its time begins",
    state: { ...nothingBefore, untilMs: null },
    event: desired(two),
    then: { phase: "soaking", untilMs: over },
    effects: [],
  },
  {
    when: "and it cannot",
    state: { ...nothingBefore, untilMs: null },
    event: { kind: "not-restored", bundle: heldTwo, refusal: passing },
    then: { phase: "waiting", active: null, refusal: passing, retryAtMs: null },
    effects: [{ kind: "clear" }],
  },
]);
