/** The life of a broadcast: when one begins, whom it invites, when it is over; and which losses it repairs. No I/O. */
import type { TransferId } from "../../protocol/ids.ts";
import { adaptPace, chooseSentinels, halvePace, sentinelCount } from "./pace.ts";
import { COALESCE_MS } from "./plan.ts";
import {
  forgetSilent,
  listenersOf,
  moveBase,
  newBroadcast,
  pacersOf,
  type Broadcast,
  type Recipient,
  type TransferState,
} from "./transfer-state.ts";

/** What must be said to the group. */
export interface Announcement {
  readonly transfer: TransferId;
  readonly sentinels: Broadcast["sentinels"];
  /** Every piece below this has been broadcast. */
  readonly through: number;
}

/** For the invited to subscribe, over a mobile network; those who are later join while it runs. */
const JOIN_WAIT_MS = 500;
/** With nobody there by then, there will be no broadcast. */
const JOIN_GIVE_UP_MS = 2_000;
/** Between two offers of one broadcast: each goes to the whole group. */
const REOFFER_MS = 500;
/** Between two broadcasts of one archive: devices that come and go must not cause one after another. */
const NEXT_BROADCAST_MS = 5_000;
/** A device that lacks fewer pieces gets them by itself sooner than by another broadcast. */
const WORTH_BROADCASTING_PIECES = 16;
/** Listeners for whom a broadcast begins. */
const BROADCAST_DEVICES_MIN = 2;
/** How often the window is adapted. */
const PACE_MS = 100;
/** Without any progress for so long, what is on its way is given up for lost. */
const STALL_MS = 1_000;

/** To be called every few ten milliseconds. What it returns is to be said to the group. */
export function steer(state: TransferState, nowMs: number, newId: () => TransferId): Announcement | undefined {
  forgetSilent(state, nowMs);
  if (state.broadcast === undefined || state.broadcast.phase === "repairing") {
    const begun = beginBroadcast(state, nowMs, newId);
    if (begun !== undefined) return begun;
  }
  const { broadcast } = state;
  if (broadcast === undefined) return undefined;
  if (broadcast.phase === "gathering") return endGathering(state, broadcast, nowMs);
  const listeners = listenersOf(state);
  if (listeners.length === 0) {
    state.broadcast = undefined;
    return undefined;
  }
  sortLosses(state, broadcast, listeners, nowMs);
  keepPace(state, broadcast, nowMs);
  if (broadcast.phase === "repairing") return undefined;
  if (hasPassed(state, broadcast)) {
    broadcast.phase = "repairing";
    return announce(state, broadcast, nowMs);
  }
  return reoffer(state, broadcast, listeners, nowMs);
}

function beginBroadcast(state: TransferState, nowMs: number, newId: () => TransferId): Announcement | undefined {
  if (nowMs < state.nextBroadcastAtMs) return undefined;
  const lackingMin = state.broadcastsBegun === 0 ? 1 : WORTH_BROADCASTING_PIECES;
  const willing = willingIn(state).filter(({ lacking }) => lacking >= lackingMin);
  if (willing.length < BROADCAST_DEVICES_MIN) return undefined;
  if (!willing.some(({ firstHeardMs }) => nowMs - firstHeardMs >= COALESCE_MS)) return undefined;
  const broadcast = newBroadcast(newId(), nowMs);
  state.broadcast = broadcast;
  state.broadcastsBegun += 1;
  state.nextBroadcastAtMs = nowMs + NEXT_BROADCAST_MS;
  // Listeners of a former broadcast follow the new offer too; until they have, they are served by themselves.
  for (const recipient of listenersOf(state)) recipient.lane = "pull";
  broadcast.sentinels = new Set(chooseSentinels(willing.map(({ device }) => device)));
  return invite(state, broadcast, willing, nowMs);
}

function willingIn(state: TransferState): Recipient[] {
  return [...state.recipients.values()].filter(({ lane, joins }) => lane === "pull" && joins);
}

function endGathering(state: TransferState, broadcast: Broadcast, nowMs: number): Announcement | undefined {
  const listeners = listenersOf(state);
  const waitedMs = nowMs - broadcast.startedAtMs;
  if (listeners.length === 0) {
    if (waitedMs >= JOIN_GIVE_UP_MS) state.broadcast = undefined;
    return undefined;
  }
  if (listeners.length < broadcast.invited && waitedMs < JOIN_WAIT_MS) return undefined;
  broadcast.phase = "sending";
  broadcast.baseAtMs = nowMs;
  broadcast.pacedAtMs = nowMs;
  return reoffer(state, broadcast, listeners, nowMs);
}

/** Says the offer again for those who came late, or when too few sentinels are left. */
function reoffer(
  state: TransferState,
  broadcast: Broadcast,
  listeners: readonly Recipient[],
  nowMs: number,
): Announcement | undefined {
  if (nowMs - broadcast.offeredAtMs < REOFFER_MS) return undefined;
  const late = willingIn(state).filter(({ invitedTo }) => invitedTo !== broadcast.id);
  const sentinels = listeners.filter(({ device }) => broadcast.sentinels.has(device)).length;
  const areTooFew = sentinels < Math.ceil(sentinelCount(listeners.length) / 2);
  if (late.length === 0 && !areTooFew) return undefined;
  if (areTooFew) broadcast.sentinels = new Set(chooseSentinels(listeners.map(({ device }) => device)));
  return invite(state, broadcast, late, nowMs);
}

function invite(
  state: TransferState,
  broadcast: Broadcast,
  invited: readonly Recipient[],
  nowMs: number,
): Announcement {
  for (const recipient of invited) recipient.invitedTo = broadcast.id;
  broadcast.invited += invited.length;
  return announce(state, broadcast, nowMs);
}

function announce(state: TransferState, broadcast: Broadcast, nowMs: number): Announcement {
  broadcast.offeredAtMs = nowMs;
  const through = broadcast.phase === "repairing" ? state.layout.pieces : 0;
  return { transfer: broadcast.id, sentinels: broadcast.sentinels, through };
}

/** True when the first pass has sent everything that anyone lacked. */
function hasPassed(state: TransferState, broadcast: Broadcast): boolean {
  for (let piece = broadcast.cursor; piece < state.layout.pieces; piece += 1) {
    if (broadcast.heldByAll?.has(piece) !== true) return false;
  }
  return true;
}

/** What several listeners lost is broadcast again; the rest goes to each by itself. */
function sortLosses(state: TransferState, broadcast: Broadcast, listeners: readonly Recipient[], nowMs: number): void {
  const waiting = listeners.filter(({ gathering }) => gathering.size > 0);
  if (!waiting.some(({ gatheringSinceMs }) => nowMs - gatheringSinceMs >= COALESCE_MS)) return;
  const demand = new Map<number, number>();
  for (const { gathering } of waiting) {
    for (const piece of gathering) demand.set(piece, (demand.get(piece) ?? 0) + 1);
  }
  const enough = enoughForAll(listeners.length);
  for (const recipient of waiting) {
    for (const piece of recipient.gathering) {
      if ((demand.get(piece) ?? 0) >= enough) broadcast.again.add(piece);
      else if (!broadcast.again.has(piece)) recipient.ready.add(piece);
    }
    recipient.gathering.clear();
    if (recipient.ready.size > 0) state.asking.add(recipient.device);
  }
}

/** So many that want a piece have it broadcast again: 3 devices, or 5 % where that is fewer, but never for one alone. */
export function enoughForAll(listeners: number): number {
  return Math.max(2, Math.min(3, Math.ceil(listeners * 0.05)));
}

function keepPace(state: TransferState, broadcast: Broadcast, nowMs: number): void {
  moveBase(state, broadcast, nowMs);
  const isFull = broadcast.sequence - broadcast.base >= broadcast.pace.window;
  if (isFull && nowMs - broadcast.baseAtMs >= STALL_MS) {
    broadcast.base = broadcast.sequence;
    broadcast.baseAtMs = nowMs;
    broadcast.pace = halvePace(broadcast.pace);
  }
  const elapsedMs = nowMs - broadcast.pacedAtMs;
  if (elapsedMs < PACE_MS) return;
  const queueDelaysMs = pacersOf(state, broadcast, nowMs).map(({ queueDelayMs }) => queueDelayMs);
  broadcast.pace = adaptPace(broadcast.pace, {
    frames: broadcast.base - broadcast.pacedBase,
    elapsedMs,
    queueDelaysMs,
  });
  broadcast.pacedAtMs = nowMs;
  broadcast.pacedBase = broadcast.base;
}
