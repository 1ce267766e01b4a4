/** What the controller knows of one archive on its way to devices, and how each want and each sending changes it. No I/O. */
import type { DeviceId, TransferId } from "../../protocol/ids.ts";
import { MISSING_MAX, type TransferWant } from "../../protocol/messages/transfer-want.ts";
import { ChunkBitmap } from "../../protocol/transfer/chunk-bitmap.ts";
import { pieceLayout, type PieceLayout } from "../../protocol/transfer/pieces.ts";
import { FIRST_PACE, pacingSequence, type Pace } from "./pace.ts";

/** A device that has not said anything for so long has vanished; while it fetches it speaks at least every 2 s. */
export const RECIPIENT_SILENT_MS = 10_000;

/** A sentinel acknowledges within 100 ms of a frame, and a queue of more than this makes it leave anyhow. */
const PACER_SILENT_MS = 1_000;

/** Devices served at once, of one archive: each costs about 1 kB. */
export const RECIPIENTS_MAX = 20_000;

/** Share of the frames that may go to single devices while a broadcast runs. */
const UNICAST_SHARE = 0.3;
/** Unicast frames that may be saved up: one device's credit in the pull lane. */
const UNICAST_ALLOWANCE_MAX = 16;

export interface TransferState {
  readonly layout: PieceLayout;
  readonly recipients: Map<DeviceId, Recipient>;
  /** Those with pieces in `ready`; the one that was served longest ago first. */
  readonly asking: Set<DeviceId>;
  broadcast: Broadcast | undefined;
  /** Before this, no other broadcast begins. */
  nextBroadcastAtMs: number;
  broadcastsBegun: number;
  /** Fetches that ended with everything on the device. */
  done: number;
}

export interface Recipient {
  readonly device: DeviceId;
  readonly firstHeardMs: number;
  lastHeardMs: number;
  /** Under which its unicast frames go. */
  request: TransferId;
  lane: "pull" | "broadcast";
  joins: boolean;
  lacking: number;
  /** Of the present broadcast: what it has dealt with, and how long its frames wait. */
  sequence: number;
  queueDelayMs: number;
  invitedTo: TransferId | undefined;
  /** Wanted by a listener of the broadcast, waiting a moment for others that want the same. */
  gathering: Set<number>;
  gatheringSinceMs: number;
  /** To be sent to this device alone; at most MISSING_MAX. */
  ready: Set<number>;
}

export interface Broadcast {
  readonly id: TransferId;
  /** `gathering`: devices subscribe. `sending`: the first pass. `repairing`: all has been sent once. */
  phase: "gathering" | "sending" | "repairing";
  readonly startedAtMs: number;
  offeredAtMs: number;
  invited: number;
  sentinels: ReadonlySet<DeviceId>;
  /** What everyone who joined held already; undefined until the first joins. */
  heldByAll: ChunkBitmap | undefined;
  /** The next piece of the first pass. */
  cursor: number;
  /** Pieces that enough devices lost. */
  readonly again: Set<number>;
  /** Frames broadcast so far. */
  sequence: number;
  /** How far the pacing sentinel is, and since when. */
  base: number;
  baseAtMs: number;
  pace: Pace;
  pacedAtMs: number;
  pacedBase: number;
  /** Unicast frames that may go now, earned by broadcast frames. */
  unicastAllowance: number;
}

/** One frame to be published. */
export type Send =
  | { readonly kind: "broadcast"; readonly piece: number; readonly isAgain: boolean }
  | { readonly kind: "unicast"; readonly piece: number; readonly device: DeviceId };

export function newTransferState(archiveBytes: number): TransferState {
  return {
    layout: pieceLayout(archiveBytes),
    recipients: new Map(),
    asking: new Set(),
    broadcast: undefined,
    nextBroadcastAtMs: -Infinity,
    broadcastsBegun: 0,
    done: 0,
  };
}

export function newBroadcast(id: TransferId, nowMs: number): Broadcast {
  return {
    id,
    phase: "gathering",
    startedAtMs: nowMs,
    offeredAtMs: nowMs,
    invited: 0,
    sentinels: new Set(),
    heldByAll: undefined,
    cursor: 0,
    again: new Set(),
    sequence: 0,
    base: 0,
    baseAtMs: nowMs,
    pace: FIRST_PACE,
    pacedAtMs: nowMs,
    pacedBase: 0,
    unicastAllowance: UNICAST_ALLOWANCE_MAX,
  };
}

/** Takes in what a device says. A want is believed: a device that lies harms its own fetch only. */
export function hear(state: TransferState, device: DeviceId, want: TransferWant, nowMs: number): void {
  if (want.lacking === 0) {
    if (state.recipients.has(device)) state.done += 1;
    forget(state, device);
    return;
  }
  const recipient = state.recipients.get(device) ?? admit(state, device, want, nowMs);
  if (recipient === undefined) return;
  recipient.lastHeardMs = nowMs;
  recipient.lacking = want.lacking;
  if (recipient.request !== want.request) {
    recipient.request = want.request;
    recipient.ready.clear();
  }
  const { broadcast } = state;
  if (want.lane === "broadcast" && want.transfer === broadcast?.id) listens(state, broadcast, recipient, want, nowMs);
  else pulls(recipient, want);
  if (recipient.ready.size > 0) state.asking.add(device);
  else state.asking.delete(device);
}

function admit(state: TransferState, device: DeviceId, want: TransferWant, nowMs: number): Recipient | undefined {
  if (state.recipients.size >= RECIPIENTS_MAX) return undefined;
  const recipient: Recipient = {
    device,
    firstHeardMs: nowMs,
    lastHeardMs: nowMs,
    request: want.request,
    lane: "pull",
    joins: false,
    lacking: want.lacking,
    sequence: 0,
    queueDelayMs: 0,
    invitedTo: undefined,
    gathering: new Set(),
    gatheringSinceMs: 0,
    ready: new Set(),
  };
  state.recipients.set(device, recipient);
  return recipient;
}

function pulls(recipient: Recipient, want: TransferWant): void {
  recipient.lane = "pull";
  recipient.joins = want.lane === "pull" && want.joins;
  recipient.gathering.clear();
  addUpTo(recipient.ready, want.missing);
}

function listens(
  state: TransferState,
  broadcast: Broadcast,
  recipient: Recipient,
  want: Extract<TransferWant, { lane: "broadcast" }>,
  nowMs: number,
): void {
  if (recipient.lane === "pull") {
    recipient.lane = "broadcast";
    recipient.sequence = 0;
    recipient.ready.clear();
  }
  recipient.sequence = Math.max(recipient.sequence, Math.min(want.sequence, broadcast.sequence));
  recipient.queueDelayMs = want.queueDelayMs;
  if (broadcast.phase === "gathering") {
    const held = heldIn(want, state.layout.pieces);
    broadcast.heldByAll = broadcast.heldByAll === undefined ? held : broadcast.heldByAll.and(held);
  } else {
    // What the first pass has yet to reach is on its way anyhow.
    const lost = want.missing.filter((piece) => piece < broadcast.cursor);
    if (recipient.gathering.size === 0) recipient.gatheringSinceMs = nowMs;
    addUpTo(recipient.gathering, lost);
  }
  if (broadcast.sentinels.has(recipient.device)) moveBase(state, broadcast, nowMs);
}

function heldIn(want: TransferWant, pieces: number): ChunkBitmap {
  const bytes = want.held;
  if (bytes?.byteLength !== Math.ceil(pieces / 8)) return new ChunkBitmap(pieces);
  return ChunkBitmap.fromBytes(bytes, pieces);
}

function addUpTo(set: Set<number>, pieces: readonly number[]): void {
  for (const piece of pieces) if (set.size < MISSING_MAX) set.add(piece);
}

/** Those who listen to the broadcast. */
export function listenersOf(state: TransferState): Recipient[] {
  return [...state.recipients.values()].filter((recipient) => recipient.lane === "broadcast");
}

/**
 * The listeners whose acknowledgements pace the broadcast: the sentinels, or all where no sentinel is left. One that owes
 * an acknowledgement for long is frozen or gone, and not waited for.
 */
export function pacersOf(state: TransferState, broadcast: Broadcast, nowMs: number): Recipient[] {
  const isAlive = ({ sequence, lastHeardMs }: Recipient) =>
    sequence === broadcast.sequence || nowMs - lastHeardMs < PACER_SILENT_MS;
  const sentinels = [...broadcast.sentinels].flatMap((device) => state.recipients.get(device) ?? []);
  const listening = sentinels.filter((recipient) => recipient.lane === "broadcast" && isAlive(recipient));
  return listening.length > 0 ? listening : listenersOf(state).filter(isAlive);
}

export function moveBase(state: TransferState, broadcast: Broadcast, nowMs: number): void {
  const sequence = pacingSequence(pacersOf(state, broadcast, nowMs).map((recipient) => recipient.sequence));
  if (sequence === undefined || sequence <= broadcast.base) return;
  broadcast.base = sequence;
  broadcast.baseAtMs = nowMs;
}

/** Notes that a frame is on its way: what was wanted is wanted no more, until the device says so again. */
export function applySend(state: TransferState, send: Send): void {
  const { broadcast } = state;
  if (send.kind === "broadcast") {
    if (broadcast === undefined) return;
    broadcast.again.delete(send.piece);
    if (!send.isAgain) broadcast.cursor = send.piece + 1;
    broadcast.sequence += 1;
    const earned = UNICAST_SHARE / (1 - UNICAST_SHARE);
    broadcast.unicastAllowance = Math.min(UNICAST_ALLOWANCE_MAX, broadcast.unicastAllowance + earned);
    return;
  }
  if (broadcast !== undefined) broadcast.unicastAllowance = Math.max(0, broadcast.unicastAllowance - 1);
  const recipient = state.recipients.get(send.device);
  state.asking.delete(send.device);
  recipient?.ready.delete(send.piece);
  if (recipient !== undefined && recipient.ready.size > 0) state.asking.add(send.device);
}

/** Drops those who have vanished. */
export function forgetSilent(state: TransferState, nowMs: number): void {
  for (const recipient of state.recipients.values()) {
    if (nowMs - recipient.lastHeardMs > RECIPIENT_SILENT_MS) forget(state, recipient.device);
  }
}

function forget(state: TransferState, device: DeviceId): void {
  state.recipients.delete(device);
  state.asking.delete(device);
}
