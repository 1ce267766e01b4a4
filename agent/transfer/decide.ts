/** What a device asks for, when it speaks, and when it leaves a broadcast: the pure half of a reception. */
import type { ChunkBitmap } from "../../protocol/transfer/chunk-bitmap.ts";

/** Pieces named in one acknowledgement of a broadcast; the rest follows when these are there. */
const GAPS_MAX = 64;
/** Frames between two acknowledgements. */
const SENTINEL_FRAMES = 8;
const LISTENER_FRAMES = 64;
/** A sentinel acknowledges fewer frames after this: a small window must not wait for a full count. */
const SENTINEL_MS = 100;
/** A listener that hears little still speaks this often: the controller forgets one that is silent for 10 s. */
const SPEAK_MS = 2_000;
/** A device whose frames wait this much longer than the group's is too slow for the broadcast. */
const LAG_MS = 1_500;
const LAG_PER_GROUP_DELAY = 4;

export interface AskView {
  readonly lane: "pull" | "broadcast";
  readonly written: ChunkBitmap;
  /** Fragments of the chunk list that wait for the others of theirs. */
  readonly fragments: ReadonlyMap<number, unknown>;
  /** The fragments of the chunk list come first, and nothing can be checked without them. */
  readonly listPieces: number;
  /** Pieces that may still come from an earlier want. */
  readonly awaited: ReadonlySet<number>;
  /** So many may be awaited in the pull lane. */
  readonly credit: number;
  /** In a broadcast: every piece below this has had time to arrive. */
  readonly settled: number;
}

/** The pieces to name in a want that goes out now; none where it is better to wait. */
export function piecesToAsk(view: AskView): number[] {
  const hasList = view.written.firstLacking >= view.listPieces;
  if (view.lane === "broadcast") {
    const due = hasList ? view.settled : Math.min(view.settled, view.listPieces);
    return lackingBelow(view, due, GAPS_MAX);
  }
  const { awaited, credit } = view;
  if (awaited.size > credit / 2) return [];
  return lackingBelow(view, hasList ? view.written.size : view.listPieces, credit - awaited.size);
}

function lackingBelow({ written, fragments, awaited }: AskView, end: number, countMax: number): number[] {
  const pieces: number[] = [];
  for (let piece = written.firstLacking; piece < end && pieces.length < countMax; piece += 1) {
    if (!written.has(piece) && !fragments.has(piece) && !awaited.has(piece)) pieces.push(piece);
  }
  return pieces;
}

export interface AcknowledgeView {
  readonly isSentinel: boolean;
  readonly framesSinceWant: number;
  readonly sinceWantMs: number;
}

/** Whether a listener has something to acknowledge, even without anything to ask. */
export function isAcknowledgementDue({ isSentinel, framesSinceWant, sinceWantMs }: AcknowledgeView): boolean {
  if (sinceWantMs >= SPEAK_MS) return true;
  if (!isSentinel) return framesSinceWant >= LISTENER_FRAMES;
  return framesSinceWant >= SENTINEL_FRAMES || (framesSinceWant > 0 && sinceWantMs >= SENTINEL_MS);
}

/** Whether a device is too slow for the group: it takes the pull lane, where it holds nobody back. */
export function isLagging(queueDelayMs: number, groupDelayMs: number): boolean {
  return queueDelayMs > LAG_MS + LAG_PER_GROUP_DELAY * groupDelayMs;
}
