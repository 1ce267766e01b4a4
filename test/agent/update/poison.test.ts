import t from "tap";
import type { Sha256 } from "../../../protocol/ids.ts";
import { POISON_MS, poisonOf, poisonsAfter, POISONS_MAX, type Poison } from "../../../agent/update/poison.ts";
import { committed, final, heldOne, NOW, one, SEQ, three, transferring, two } from "../../support/slot-states.ts";
import { check, desired } from "../../support/transition-cases.ts";

const poison: Poison = { wish: two, refusal: final, untilMs: NOW + POISON_MS };

check("a wish that failed here before", [
  {
    when: "and another was wished in between: refused at once, with the reason of then",
    state: committed,
    event: desired(two),
    around: { poisons: [poison] },
    then: { phase: "failed", refusal: final, retryAtMs: NOW + POISON_MS, active: heldOne, work: 8 },
    effects: [],
  },
  {
    when: "supersedes another: that one ends",
    state: { ...transferring, wish: three },
    event: desired(two),
    around: { poisons: [poison], held: new Set([two.statement]) },
    then: { phase: "failed", refusal: final },
    effects: [{ kind: "cancel", work: 7 }],
  },
  {
    when: "and is asked for again by the operator",
    state: committed,
    event: desired({ ...two, retry: 1 }, SEQ + 1),
    around: { poisons: [poison] },
    then: { phase: "transferring" },
    effects: [{ kind: "transfer", work: 8, wish: { ...two, retry: 1 } }],
  },
  {
    when: "a day ago",
    state: committed,
    event: desired(two),
    around: { poisons: [poison], nowMs: NOW + POISON_MS },
    then: { phase: "transferring" },
    effects: [{ kind: "transfer", work: 8, wish: two }],
  },
  {
    when: "is what answers",
    state: { ...transferring, wish: two },
    event: desired(one),
    around: { poisons: [{ ...poison, wish: one }] },
    then: { phase: "committed", wish: one },
    effects: [{ kind: "cancel", work: 7 }],
  },
]);

t.test("a repaired archive, or another label, is not what failed", async (t) => {
  t.equal(poisonOf([poison], two, NOW), poison);
  const repaired = { ...two, archive: { ...two.archive, sha256: "f".repeat(64) as Sha256 } };
  t.equal(poisonOf([poison], repaired, NOW), undefined);
  t.equal(poisonOf([poison], { ...two, version: one.version }, NOW), undefined);
  t.equal(poisonOf([poison], { ...two, soakMs: 9 }, NOW), poison, "how long to soak is no other bundle");
});

t.test("a failure after another try is remembered with that try", async (t) => {
  const wish = { ...two, retry: 1 };
  const poisons = poisonsAfter([poison], { kind: "poison", poison: { ...poison, wish } }, NOW);
  t.strictSame(poisons, [{ ...poison, wish }]);
  t.equal(poisonOf(poisons, wish, NOW)?.refusal, final);
  t.equal(poisonOf(poisons, { ...two, retry: 2 }, NOW), undefined);
});

t.test("a bundle that was committed to is no poison any more", async (t) => {
  t.strictSame(poisonsAfter([poison], { kind: "absolve", wish: two }, NOW), []);
});

t.test("the list is bounded: what expires first is forgotten first, and what has expired at once", async (t) => {
  let poisons: readonly Poison[] = [{ ...poison, untilMs: NOW }];
  for (let length = 1; length <= POISONS_MAX + 1; length += 1) {
    const wish = { ...two, archive: { ...two.archive, length } };
    poisons = poisonsAfter(poisons, { kind: "poison", poison: { ...poison, wish, untilMs: NOW + length } }, NOW);
  }
  t.equal(poisons.length, POISONS_MAX);
  t.equal(poisons[0]?.wish.archive.length, 2);
});
