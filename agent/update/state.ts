/** What an agent knows of one slot, as it stands in `state.db`. `DESIGN.md` draws the arrows between the phases. */
import { Type, type Static } from "typebox";
import { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { closedObject, gate } from "../../protocol/schema.ts";
import { DeployedSlot, type ArchiveRef } from "../../protocol/trust/deployment.ts";
import { Refusal } from "../../protocol/trust/refusal.ts";
import type { Phase } from "../../protocol/trust/report.ts";

/** A bundle that passed every check once and lies in the bundle directory. */
export const HeldBundle = closedObject({
  model: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  rollbackIndex: Type.Integer({ minimum: 0 }),
});
export type HeldBundle = Static<typeof HeldBundle>;

/** Known in every phase. */
const Kept = {
  /** What answers, or what is started first after a power cut. */
  active: Type.Union([HeldBundle, Type.Null()]),
  /** What answered before it: going back needs no download. */
  lastKnownGood: Type.Union([HeldBundle, Type.Null()]),
  /** Counts the attempts of this slot, over restarts: the outcome of an earlier attempt is told by it and dropped. */
  work: Type.Integer({ minimum: 0 }),
};

/** Known wherever the slot is on its way to a wish. Times are trusted time, milliseconds since 1970. */
const Working = {
  ...Kept,
  wish: DeployedSlot,
  /** Attempts at this wish that failed for a cause that may pass. */
  tries: Type.Integer({ minimum: 0 }),
  deadlineMs: Type.Number(),
};

export const SlotState = Type.Union([
  /** Nothing is wished, nothing runs. */
  closedObject({ phase: Type.Literal("idle"), ...Kept }),
  /** Between two attempts; `retryAtMs` is null until a fresh deployment says that the wish still stands. */
  closedObject({
    phase: Type.Literal("waiting"),
    ...Kept,
    wish: DeployedSlot,
    tries: Type.Integer({ minimum: 0 }),
    retryAtMs: Type.Union([Type.Number(), Type.Null()]),
    refusal: Type.Union([Refusal, Type.Null()]),
  }),
  /** The archive is on its way. */
  closedObject({ phase: Type.Literal("transferring"), ...Working }),
  /** Signatures, files and `model.json` are being checked: of an archive, or of a bundle that the device holds. */
  closedObject({
    phase: Type.Literal("verifying"),
    ...Working,
    source: Type.Union([Type.Literal("archive"), Type.Literal("held")]),
  }),
  /** A runner without traffic loads, warms up and answers the golden set. */
  closedObject({ phase: Type.Literal("qualifying"), ...Working }),
  /** The traffic is being turned over. */
  closedObject({ phase: Type.Literal("activating"), ...Working }),
  /** The wish answers. */
  closedObject({ phase: Type.Literal("committed"), ...Kept, wish: DeployedSlot }),
  /** The wish was refused for good: the active bundle goes on answering until another wish, or until `retryAtMs`. */
  closedObject({
    phase: Type.Literal("failed"),
    ...Kept,
    wish: DeployedSlot,
    refusal: Refusal,
    retryAtMs: Type.Number(),
  }),
]);
export type SlotState = Static<typeof SlotState>;

export type WorkingState = Extract<SlotState, { phase: "transferring" | "verifying" | "qualifying" | "activating" }>;

/** Throws a ProtocolError for a row that this program did not write. */
export const checkSlotState = gate("slot state", SlotState);

export const EMPTY_SLOT: SlotState = { phase: "idle", active: null, lastKnownGood: null, work: 0 };

export function isWorking(state: SlotState): state is WorkingState {
  return "deadlineMs" in state;
}

/** Nothing is under way or waited for. */
export function isSettled({ phase }: SlotState): boolean {
  return phase === "idle" || phase === "committed" || phase === "failed";
}

export function wishOf(state: SlotState): DeployedSlot | undefined {
  return state.phase === "idle" ? undefined : state.wish;
}

/**
 * Whether two wishes ask for the same bytes. A repaired archive of the same statement is another wish: what made the
 * first one fail says nothing about it.
 */
export function sameWish(one: DeployedSlot, other: DeployedSlot): boolean {
  return (
    one.statement === other.statement &&
    one.model === other.model &&
    one.version === other.version &&
    sameArchive(one.archive, other.archive)
  );
}

function sameArchive(one: ArchiveRef, other: ArchiveRef): boolean {
  return one.sha256 === other.sha256 && one.length === other.length && one.chunkList === other.chunkList;
}

/** The phase as the fleet knows it: a wait between attempts and the turning over are steps of the phase around them. */
export function reportedPhase(state: SlotState): Phase {
  if (state.phase === "waiting") return "transferring";
  return state.phase === "activating" ? "qualifying" : state.phase;
}
