/** Whom to send what next: the pure half of the transfer service. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Broadcast, Recipient, Send, TransferState } from "./transfer-state.ts";

/**
 * How long a first request waits for others of the same archive, and a lost piece for others that lost it: long enough
 * for a fleet that was told at the same moment, too short for anyone to notice.
 */
export const COALESCE_MS = 75;

/** The next frames, at most `slots`, in order. Changes nothing: `applySend` does, for each that is really sent. */
export function planSends(state: TransferState, slots: number, nowMs: number): Send[] {
  const { broadcast } = state;
  const broadcasts = broadcastSends(broadcast, state.layout.pieces);
  const unicasts = unicastSends(state, slots, nowMs);
  const isRationed = broadcast?.phase === "sending";
  let allowance = isRationed ? broadcast.unicastAllowance : 0;
  const choose = (): Send | undefined => {
    if (allowance >= 1) return next(unicasts) ?? next(broadcasts);
    return next(broadcasts) ?? (isRationed ? undefined : next(unicasts));
  };
  const sends: Send[] = [];
  for (let send = choose(); send !== undefined; send = choose()) {
    if (send.kind === "unicast") allowance -= 1;
    sends.push(send);
    if (sends.length === slots) break;
  }
  return sends;
}

function next(sends: Iterator<Send>): Send | undefined {
  const step = sends.next();
  return step.done === true ? undefined : step.value;
}

/** What the window lets through: first what was lost to many, then on with the first pass. */
function* broadcastSends(broadcast: Broadcast | undefined, pieces: number): Generator<Send> {
  if (broadcast === undefined || broadcast.phase === "gathering") return;
  let free = broadcast.base + broadcast.pace.window - broadcast.sequence;
  for (const piece of broadcast.again) {
    if (free <= 0) return;
    free -= 1;
    yield { kind: "broadcast", piece, isAgain: true };
  }
  for (let piece = broadcast.cursor; piece < pieces && free > 0; piece += 1) {
    if (broadcast.heldByAll?.has(piece) === true) continue;
    free -= 1;
    yield { kind: "broadcast", piece, isAgain: false };
  }
}

/** One piece for each device in turn, then another for each, beginning with the one served longest ago. */
function* unicastSends(state: TransferState, slots: number, nowMs: number): Generator<Send> {
  const queues: { readonly device: DeviceId; readonly pieces: readonly number[] }[] = [];
  for (const device of state.asking) {
    const recipient = state.recipients.get(device);
    if (recipient === undefined || isHeldBack(state, recipient, nowMs)) continue;
    queues.push({ device, pieces: [...recipient.ready] });
    if (queues.length === slots) break;
  }
  for (let turn = 0; queues.some(({ pieces }) => turn < pieces.length); turn += 1) {
    for (const { device, pieces } of queues) {
      const piece = pieces[turn];
      if (piece !== undefined) yield { kind: "unicast", device, piece };
    }
  }
}

/** A device that might join a broadcast gets nothing by itself until that is known. */
function isHeldBack({ broadcast }: TransferState, recipient: Recipient, nowMs: number): boolean {
  if (!recipient.joins || recipient.lane !== "pull") return false;
  if (nowMs - recipient.firstHeardMs < COALESCE_MS) return true;
  return broadcast?.phase === "gathering" && recipient.invitedTo === broadcast.id;
}
