import { Type, type Static } from "typebox";
import { SessionId } from "../ids.ts";
import { DOCUMENT_BYTES_MAX } from "../limits.ts";
import { gate, parseJson } from "../schema.ts";

/**
 * Device → all, retained, QoS 1. `online` is the birth, published after each connect; `offline` is the will (or said
 * on a clean stop). A death counts only for the session that it names: a late one changes nothing.
 */
export const DeviceState = Type.Object({
  state: Type.Union([Type.Literal("online"), Type.Literal("offline")]),
  session: SessionId,
  /** Linux's boot id, or a random one: tells a restart of the agent from a restart of the machine. */
  bootId: Type.String({ maxLength: 64 }),
  /** The device's own clock, which may be wrong. In a will: the time of the connect. */
  atMs: Type.Number(),
  agentVersion: Type.String({ maxLength: 32 }),
});
export type DeviceState = Static<typeof DeviceState>;

const check = gate("device state", DeviceState);

export function parseDeviceState(bytes: Uint8Array): DeviceState {
  return parseJson("device state", bytes, DOCUMENT_BYTES_MAX, check);
}
