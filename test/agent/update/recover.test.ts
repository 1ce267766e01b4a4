import { LOST_RETRY_MS } from "../../../agent/update/bounds.ts";
import { POISON_MS } from "../../../agent/update/poison.ts";
import {
  activating,
  committed,
  heldOne,
  heldTwo,
  NOW,
  one,
  qualifying,
  soaking,
  two,
} from "../../support/slot-states.ts";
import { check } from "../../support/transition-cases.ts";

const crashes = { code: "runner-crash", message: "it crashed five times in a row" } as const;
const changed = { code: "bundle-file-digest", message: "a file was changed" } as const;
const lost = (refusal: typeof crashes | typeof changed, { statement } = heldTwo) =>
  ({ kind: "lost", statement, refusal }) as const;
const both = { ...committed, wish: two, active: heldTwo, lastKnownGood: heldOne };

check("what answers ends, and cannot be started again", [
  {
    when: "it crashes: the last-known-good one answers, and the bundle is poisoned",
    state: both,
    event: lost(crashes),
    then: { phase: "rolled-back", wish: two, refusal: crashes, active: null, lastKnownGood: heldOne },
    effects: [{ kind: "restore", bundle: heldOne }],
    poison: { kind: "poison", poison: { wish: two, refusal: crashes, untilMs: NOW + POISON_MS } },
  },
  {
    when: "its files changed on the disk: it is fetched again later",
    state: both,
    event: lost(changed),
    then: { phase: "rolled-back", refusal: changed, retryAtMs: NOW + LOST_RETRY_MS },
    effects: [{ kind: "restore", bundle: heldOne }],
  },
  {
    when: "it crashes, and nothing else is there",
    state: committed,
    event: lost(crashes, heldOne),
    then: { phase: "failed", refusal: crashes, active: null, retryAtMs: NOW + POISON_MS },
    effects: [{ kind: "clear" }],
    poison: { kind: "poison", poison: { wish: one, refusal: crashes, untilMs: NOW + POISON_MS } },
  },
  {
    when: "its files changed, and nothing else is there",
    state: committed,
    event: lost(changed, heldOne),
    then: { phase: "waiting", refusal: changed, active: null, retryAtMs: NOW + LOST_RETRY_MS },
    effects: [{ kind: "clear" }],
  },
  {
    when: "while another is on its way: that one goes on",
    state: { ...qualifying, active: heldOne },
    event: lost(crashes, heldOne),
    then: { phase: "qualifying", wish: two, active: null },
    effects: [{ kind: "clear" }],
  },
  {
    when: "while another gets the traffic: nothing is in its way",
    state: activating,
    event: lost(crashes, heldOne),
    then: { phase: "activating", active: null },
    effects: [],
  },
  {
    when: "while another should have got the traffic, and does not: the one before both answers",
    state: { ...activating, active: null, lastKnownGood: heldOne },
    event: { kind: "refused", work: 7, refusal: crashes },
    then: { phase: "failed", active: null, lastKnownGood: heldOne },
    effects: [{ kind: "restore", bundle: heldOne }],
    poison: { kind: "poison", poison: { wish: two, refusal: crashes, untilMs: NOW + POISON_MS } },
  },
  { when: "what is not active any more", state: both, event: lost(crashes, heldOne), then: both, effects: [] },
  {
    when: "and the last-known-good one answers",
    state: { ...both, phase: "rolled-back", active: null, refusal: crashes, retryAtMs: NOW + 50 },
    event: { kind: "restored", bundle: heldOne },
    then: { phase: "rolled-back", active: heldOne, lastKnownGood: null },
    effects: [],
  },
  {
    when: "and its time for another try has come",
    state: { ...both, phase: "rolled-back", active: heldOne, lastKnownGood: null, refusal: changed, retryAtMs: NOW },
    event: { kind: "ticked" },
    then: { phase: "transferring", wish: two },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
]);

const own = (running: typeof heldOne | undefined) => ({ own: { running: running?.statement } });

check("the agent's own slot starts with whatever its launcher has started", [
  {
    when: "the version that was to get the device runs: a fresh deployment asks it whether it is well",
    state: activating,
    event: { kind: "booted" },
    around: own(undefined),
    then: { phase: "waiting", wish: two, active: heldOne, retryAtMs: null },
    effects: [],
  },
  {
    when: "it had not yet shown that it is good",
    state: soaking,
    event: { kind: "booted" },
    around: own(heldTwo),
    then: { phase: "waiting", wish: two, retryAtMs: null },
    effects: [],
  },
  {
    when: "it is what it was",
    state: committed,
    event: { kind: "booted" },
    around: own(heldOne),
    then: committed,
    effects: [],
  },
  {
    when: "somebody has put another one in its place",
    state: committed,
    event: { kind: "booted" },
    around: own(undefined),
    then: { phase: "waiting", wish: one, active: null, retryAtMs: null },
    effects: [],
  },
]);
