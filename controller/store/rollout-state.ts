import { Type, type Static } from "typebox";

/** Where a rollout stands as a whole. */
export const RolloutState = Type.Union([
  Type.Literal("running"),
  Type.Literal("completed"),
  Type.Literal("failed"),
  Type.Literal("superseded"),
]);
export type RolloutState = Static<typeof RolloutState>;

/** Where one device stands in a rollout. `done` only by its own signed report. */
export const RolloutDeviceState = Type.Union([
  Type.Literal("waiting"),
  Type.Literal("deploying"),
  Type.Literal("done"),
  Type.Literal("failed"),
  Type.Literal("superseded"),
]);
export type RolloutDeviceState = Static<typeof RolloutDeviceState>;
