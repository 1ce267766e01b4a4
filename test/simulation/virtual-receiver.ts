/** Archives on their way over a link of some speed that comes and goes: what has arrived stays on the disk. */
import type { ModelName } from "../../protocol/ids.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { VirtualDisk } from "./virtual-disk.ts";

export interface ArchiveReceiver {
  /** Calls back once: with nothing when every byte is there, or with why not. */
  readonly fetch: (slot: ModelName, archive: ArchiveRef, done: (refusal: Refusal | undefined) => void) => void;
  readonly cancel: (slot: ModelName) => void;
  readonly onConnect: () => void;
  readonly onDisconnect: () => void;
}

export interface ReceiverPorts {
  readonly disk: VirtualDisk;
  readonly bytesPerSecond: number;
  readonly isOnline: () => boolean;
  readonly nowMs: () => number;
  readonly after: (ms: number, act: () => void) => void;
  /** Bytes that the controller has sent to this device. */
  readonly onBytes: (archive: ArchiveRef, bytes: number) => void;
}

interface Fetch {
  readonly archive: ArchiveRef;
  readonly done: (refusal: Refusal | undefined) => void;
  /** When bytes last began to flow; undefined while they do not. */
  flowingSinceMs: number | undefined;
  /** Counts the ways in which the fetch went on: an end that was announced before the last of them is not one. */
  turn: number;
}

/** As in `agent/update/steps.ts`: nothing arrives for so long, and the attempt ends. */
const STALL_MS_MAX = 900_000;

export function createReceiver({ disk, bytesPerSecond, isOnline, nowMs, after, onBytes }: ReceiverPorts) {
  const fetches = new Map<ModelName, Fetch>();

  function arrived(fetch: Fetch): number {
    return disk.archives.get(fetch.archive.sha256) ?? 0;
  }

  /** Books what has come since the bytes began to flow. */
  function book(fetch: Fetch): void {
    if (fetch.flowingSinceMs === undefined) return;
    const flowed = Math.round(((nowMs() - fetch.flowingSinceMs) / 1_000) * bytesPerSecond);
    const bytes = Math.min(fetch.archive.length - arrived(fetch), flowed);
    disk.archives.set(fetch.archive.sha256, arrived(fetch) + bytes);
    onBytes(fetch.archive, bytes);
    fetch.flowingSinceMs = undefined;
  }

  function flow(slot: ModelName, fetch: Fetch): void {
    fetch.turn += 1;
    const { turn } = fetch;
    const rest = fetch.archive.length - arrived(fetch);
    const isStalled = rest > 0 && !isOnline();
    fetch.flowingSinceMs = isStalled ? undefined : nowMs();
    after(isStalled ? STALL_MS_MAX : Math.ceil((rest / bytesPerSecond) * 1_000) + 1, () => {
      if (fetches.get(slot) !== fetch || fetch.turn !== turn) return;
      book(fetch);
      fetches.delete(slot);
      fetch.done(isStalled ? { code: "transfer-failed", message: "nothing has arrived for 15 minutes" } : undefined);
    });
  }

  function turnAll(): void {
    for (const [slot, fetch] of fetches) {
      book(fetch);
      flow(slot, fetch);
    }
  }

  const receiver: ArchiveReceiver = {
    fetch: (slot, archive, done) => {
      const fetch: Fetch = { archive, done, flowingSinceMs: undefined, turn: 0 };
      fetches.set(slot, fetch);
      flow(slot, fetch);
    },
    cancel: (slot) => {
      const fetch = fetches.get(slot);
      if (fetch !== undefined) book(fetch);
      fetches.delete(slot);
    },
    onConnect: turnAll,
    onDisconnect: turnAll,
  };
  return receiver;
}
