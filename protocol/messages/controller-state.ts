import { Type, type Static } from "typebox";
import { SessionId } from "../ids.ts";
import { DOCUMENT_BYTES_MAX } from "../limits.ts";
import { gate, parseJson } from "../schema.ts";

/** Controller → all, retained, QoS 1, and the will. Information only: nothing depends on it. */
export const ControllerState = Type.Object({
  state: Type.Union([Type.Literal("online"), Type.Literal("offline")]),
  session: SessionId,
  atMs: Type.Number(),
});
export type ControllerState = Static<typeof ControllerState>;

const check = gate("controller state", ControllerState);

export function parseControllerState(bytes: Uint8Array): ControllerState {
  return parseJson("controller state", bytes, DOCUMENT_BYTES_MAX, check);
}
