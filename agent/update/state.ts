/** What an agent knows of one slot, as it stands in `state.db`. `DESIGN.md` draws the arrows between the phases. */
import { Type, type Static } from "typebox";
import { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { ParameterValues, sameParameters } from "../../protocol/bundle/parameters.ts";
import { closedObject, gate } from "../../protocol/schema.ts";
import { DeployedSlot, type ArchiveRef } from "../../protocol/trust/deployment.ts";
import { Refusal } from "../../protocol/trust/refusal.ts";
import { sameTraffic, SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Phase } from "../../protocol/trust/report.ts";

/** A bundle that passed every check once and lies in the bundle directory. */
export const HeldBundle = closedObject({
  model: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  rollbackIndex: Type.Integer({ minimum: 0 }),
  /** Parameters of the model that are set, beside its defaults. */
  params: Type.Optional(ParameterValues),
});
export type HeldBundle = Static<typeof HeldBundle>;

/** Known in every phase. */
const Kept = {
  /** What answers for good, or is started first after a power cut. While `soaking` it stands by, or answers the most. */
  active: Type.Union([HeldBundle, Type.Null()]),
  /** What was active before it: going back needs no download. */
  lastKnownGood: Type.Union([HeldBundle, Type.Null()]),
  /** Counts the attempts of this slot, over restarts: the outcome of an earlier attempt is told by it and dropped. */
  work: Type.Integer({ minimum: 0 }),
};

/** Known wherever something is wished. Times are trusted time, milliseconds since 1970. */
const Wished = {
  ...Kept,
  wish: DeployedSlot,
  /** The deployment that brought the wish: slots that changed with one deployment change together; see `mates.ts`. */
  seq: Type.Integer({ minimum: 0 }),
};

/** Known wherever the slot is on its way to a wish, before the wish gets any traffic. */
const Working = {
  ...Wished,
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
    ...Wished,
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
  /** Checked; waits until the slots that change with it are, so that no runner idles while an archive is on its way. */
  closedObject({ phase: Type.Literal("verified"), ...Working }),
  /** A runner without traffic loads, warms up and answers the golden set. */
  closedObject({ phase: Type.Literal("qualifying"), ...Working }),
  /** Qualified; its runner waits until the slots that change with it are. */
  closedObject({ phase: Type.Literal("ready"), ...Working }),
  /** The traffic is being turned over. */
  closedObject({ phase: Type.Literal("activating"), ...Working }),
  /** The candidate is watched while it answers, and `active` stands by; or as `traffic` says, beside `active`. */
  closedObject({
    phase: Type.Literal("soaking"),
    ...Wished,
    tries: Type.Integer({ minimum: 0 }),
    candidate: HeldBundle,
    /** Null after a boot, until a fresh deployment says that the wish still stands. */
    untilMs: Type.Union([Type.Number(), Type.Null()]),
    /** What it has of the requests; absent: all. */
    traffic: Type.Optional(SoakTraffic),
    /** Its own soak is over and good; it commits when those of its mates are too. */
    hasPassed: Type.Boolean(),
  }),
  /** The wish answers, for good. */
  closedObject({ phase: Type.Literal("committed"), ...Wished }),
  /** The wish was refused for good: the active bundle goes on answering until another wish, or until `retryAtMs`. */
  closedObject({ phase: Type.Literal("failed"), ...Wished, refusal: Refusal, retryAtMs: Type.Number() }),
  /**
   * The wish answered and does not any more: it failed while it soaked, or could not be kept running after that. What was
   * good before answers. `retryAtMs` is null until a fresh deployment says that the wish still stands.
   */
  closedObject({
    phase: Type.Literal("rolled-back"),
    ...Wished,
    refusal: Refusal,
    retryAtMs: Type.Union([Type.Number(), Type.Null()]),
  }),
]);
export type SlotState = Static<typeof SlotState>;

export type KeptState = Pick<SlotState, "active" | "lastKnownGood" | "work">;
export type WishingState = Exclude<SlotState, { phase: "idle" }>;
export type WorkingState = Extract<SlotState, { deadlineMs: number }>;
export type SoakingState = Extract<SlotState, { phase: "soaking" }>;

/** Throws a ProtocolError for a row that this program did not write. */
export const checkSlotState = gate("slot state", SlotState);

export const EMPTY_SLOT: SlotState = { phase: "idle", active: null, lastKnownGood: null, work: 0 };

export function isWorking(state: SlotState): state is WorkingState {
  return "deadlineMs" in state;
}

/** Nothing is under way or waited for. */
export function isSettled({ phase }: SlotState): boolean {
  return phase === "idle" || phase === "committed" || phase === "failed" || phase === "rolled-back";
}

export function wishOf(state: SlotState): DeployedSlot | undefined {
  return state.phase === "idle" ? undefined : state.wish;
}

/** Why the wish is not what answers, where that is known. */
export function refusalOfState(state: SlotState): Refusal | null {
  return "refusal" in state ? state.refusal : null;
}

/** What answers whatever is nobody else's, as far as the state knows. */
export function answering(state: SlotState): HeldBundle | null {
  if (state.phase !== "soaking") return state.active;
  return state.traffic === undefined ? state.candidate : (state.active ?? state.candidate);
}

/** The bundle that answers, or should, when the wish cannot. */
export function fallbackOf({ active, lastKnownGood }: SlotState): HeldBundle | null {
  return active ?? lastKnownGood;
}

/** What a slot goes on knowing, whatever becomes of its wish. */
export function keptOf({ active, lastKnownGood, work }: KeptState): KeptState {
  return { active, lastKnownGood, work };
}

/** The label must agree too: a deployment that calls the bundle by another name is checked, and refused, as a whole. */
export function isActive({ active }: SlotState, wish: DeployedSlot): boolean {
  return isLoaded({ active }, wish) && sameParameters(active?.params, wish.params);
}

/** The same, whatever its parameters are: those change without a load. */
export function isLoaded({ active }: Pick<SlotState, "active">, wish: DeployedSlot): boolean {
  return active?.statement === wish.statement && active.model === wish.model && active.version === wish.version;
}

/** What is set for a bundle of this slot, wherever it stands in it. */
export function parametersOf(state: SlotState, statement: StatementDigest): ParameterValues | undefined {
  const held = [state.phase === "soaking" ? state.candidate : null, state.active, state.lastKnownGood];
  return held.find((one) => one?.statement === statement)?.params;
}

/** A bundle of the device as the wish wants it. */
export function heldAs(held: HeldBundle, { params }: DeployedSlot): HeldBundle {
  const { params: _former, ...bundle } = held;
  return params === undefined ? bundle : { ...bundle, params };
}

/**
 * Whether two wishes ask for the same bytes by the same way; how long to soak and how often to try are no part of it. A
 * repaired archive of the same statement is another wish, and so is other traffic: what made the first one fail says nothing
 * about it.
 */
export function sameWish(one: DeployedSlot, other: DeployedSlot): boolean {
  return (
    one.statement === other.statement &&
    one.model === other.model &&
    one.version === other.version &&
    sameTraffic(one.traffic, other.traffic) &&
    sameParameters(one.params, other.params) &&
    sameArchive(one.archive, other.archive)
  );
}

function sameArchive(one: ArchiveRef, other: ArchiveRef): boolean {
  return one.sha256 === other.sha256 && one.length === other.length && one.chunkList === other.chunkList;
}

/** The phase as the fleet knows it: waits and the turning over are steps of the phase around them. */
export function reportedPhase({ phase }: SlotState): Phase {
  switch (phase) {
    case "waiting":
      return "transferring";
    case "verified":
      return "verifying";
    case "ready":
    case "activating":
      return "qualifying";
    default:
      return phase;
  }
}
