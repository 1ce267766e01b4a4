/** Is a device there? Decided from what it said and when the controller heard it, by the controller's own clock. */
import type { SessionId } from "../../protocol/ids.ts";
import type { DeviceState } from "../../protocol/messages/device-state.ts";

export interface Presence {
  readonly online: boolean;
  /** While online: the session that lives. While offline: the session that died, or null when it aged out. */
  readonly session: SessionId | null;
}

/** Births and deaths. A death counts only for the session that it names: a late one of an earlier session changes nothing. */
export function afterState(before: Presence, said: DeviceState): Presence {
  if (said.state === "online") return { online: true, session: said.session };
  if (before.online && before.session !== said.session) return before;
  return { online: false, session: said.session };
}

/**
 * Any sign of life that names its session. It revives a device that aged out, but not a session whose death was said:
 * a message of that session was only on its way for longer.
 */
export function afterSign(before: Presence, session: SessionId): Presence {
  const isEcho = !before.online && before.session === session;
  return isEcho ? before : { online: true, session };
}

/** Heartbeats that may fail to come: one lost, one late, and half for the clock. */
const HEARTBEATS_MISSED_MAX = 2.5;
/** Until a device's first report tells its own. */
const HEARTBEAT_MS = 60_000;

export function hasAgedOut(lastHeardMs: number, heartbeatMs: number | null, nowMs: number): boolean {
  return nowMs - lastHeardMs > HEARTBEATS_MISSED_MAX * (heartbeatMs ?? HEARTBEAT_MS);
}
