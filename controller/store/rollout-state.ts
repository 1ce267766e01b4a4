/** The words for where a rollout stands, as they are in the database and on the wire. */
import { Type, type Static } from "typebox";

/**
 * Where a rollout stands as a whole. `completed`, `failed` and `rolled-back` stay open to what is heard of their devices, and to
 * those that were offline; `aborted` changes nothing more; `superseded` has no device left.
 */
export const RolloutState = Type.Union([
  Type.Literal("running"),
  Type.Literal("paused"),
  Type.Literal("rolling-back"),
  Type.Literal("completed"),
  Type.Literal("failed"),
  Type.Literal("aborted"),
  Type.Literal("rolled-back"),
  Type.Literal("superseded"),
]);
export type RolloutState = Static<typeof RolloutState>;

/** What the present stage is about, in the order in which it goes through them. */
export const StagePhase = Type.Union([
  /** Nobody but the author has said yes to it yet. */
  Type.Literal("approval"),
  Type.Literal("deploying"),
  Type.Literal("soaking"),
  /** The soak is over, and the gates have not given their final word. */
  Type.Literal("gates"),
]);
export type StagePhase = Static<typeof StagePhase>;

/** Somebody else than the author said yes to a stage. */
export const Approval = Type.Object({
  /** Counted from 0. */
  stage: Type.Integer({ minimum: 0 }),
  by: Type.String(),
  atMs: Type.Number(),
});
export type Approval = Static<typeof Approval>;

/** Where one device stands in a rollout. `done` and `reverted` only by its own signed report. */
export const RolloutDeviceState = Type.Union([
  /** For its stage, or, where it was asked already, for its return. */
  Type.Literal("waiting"),
  Type.Literal("deploying"),
  Type.Literal("done"),
  Type.Literal("failed"),
  /** Another rollout of the same model has the device. */
  Type.Literal("superseded"),
  /** On its way back to what it had before the rollout. */
  Type.Literal("reverting"),
  Type.Literal("reverted"),
]);
export type RolloutDeviceState = Static<typeof RolloutDeviceState>;

/** Which way the rollout has changed a device's deployment last. */
export type Ask = "none" | "forward" | "back";
