/** What failed here for good, and stays refused whatever is wished in between. Pure. */
import { Type, type Static } from "typebox";
import { closedObject, gate } from "../../protocol/schema.ts";
import { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { Refusal } from "../../protocol/trust/refusal.ts";
import { sameWish } from "./state.ts";

/** One row of `state.db`. Times are trusted time, milliseconds since 1970. */
export const Poison = closedObject({
  /** The wish that failed: the same statement in a repaired archive, or under another label, is another. */
  wish: DeployedSlot,
  refusal: Refusal,
  untilMs: Type.Number(),
});
export type Poison = Static<typeof Poison>;

export type PoisonChange =
  | { readonly kind: "poison"; readonly poison: Poison }
  /** It has been good here after all. */
  | { readonly kind: "absolve"; readonly wish: DeployedSlot };

/** Throws a ProtocolError for a row that this program did not write. */
export const checkPoison = gate("poisoned bundle", Poison);

/** How long a refusal for good is remembered: a publisher or operator who changed nothing gets one try a day. */
export const POISON_MS = 24 * 3_600_000;
/** Four bad releases in each of 16 slots within a day; beyond it the one that expires first is forgotten. */
export const POISONS_MAX = 64;

/** Why this wish is refused without another try, if it is. */
export function poisonOf(poisons: readonly Poison[], wish: DeployedSlot, nowMs: number): Poison | undefined {
  return poisons.find((one) => nowMs < one.untilMs && sameWish(one.wish, wish) && !isRetried(one.wish, wish));
}

/** The list after a change, those that expired left out. */
export function poisonsAfter(poisons: readonly Poison[], change: PoisonChange, nowMs: number): readonly Poison[] {
  const changed = change.kind === "poison" ? change.poison.wish : change.wish;
  const rest = poisons.filter((one) => nowMs < one.untilMs && !sameWish(one.wish, changed));
  if (change.kind === "absolve") return rest;
  return [...rest, change.poison].sort((a, b) => a.untilMs - b.untilMs).slice(-POISONS_MAX);
}

/** The operator has asked for another try since. */
export function isRetried(before: DeployedSlot, after: DeployedSlot): boolean {
  return (after.retry ?? 0) > (before.retry ?? 0);
}
