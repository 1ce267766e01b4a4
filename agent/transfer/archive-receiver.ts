import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import { decodeTransferOffer } from "../../protocol/messages/transfer-offer.ts";
import { decodeChunkFrame } from "../../protocol/transfer/chunk-frame.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { archiveFiles, fileSha256, PartialArchive } from "./partial-archive.ts";
import { Reception, type ReceptionPorts } from "./reception.ts";

/** Archives that were begun and not asked for again: one, so that turning back to it costs nothing. */
const OTHER_PARTIALS_KEPT = 1;

export interface ArchiveReceiverOptions extends ReceptionPorts {
  /** Only this receiver writes in it. */
  readonly directory: string;
  /** After each archive that is complete. */
  readonly onFetched?: (fetched: FetchedArchive) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What bringing one archive here took. */
export interface FetchedArchive {
  readonly archive: Sha256;
  readonly bytes: number;
  /** Of these, the ones that were here from an earlier try. */
  readonly heldBytes: number;
  readonly seconds: number;
  /** Pieces that were asked for more than once: the link lost them, or was slow. */
  readonly retries: number;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** After each sync: what is on the disk. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Brings archives from the controller to this device's disk, through outages, restarts and power cuts. */
export interface ArchiveReceiver extends AsyncDisposable {
  /**
   * The path of the complete file, its SHA-256 checked; it stays until `discard`. One archive at a time: others wait
   * their turn. What arrived before an abort is kept. Rejects with the signal's reason, or FerryError: `transfer-failed`,
   * `archive-digest`, `disk-full`. Has no deadline of its own: while nobody answers it asks again, ever more slowly.
   */
  readonly fetch: (archive: ArchiveRef, options: FetchOptions) => Promise<string>;
  /** A message on the group's command topic. Never throws. */
  readonly onGroupCommand: (payload: Uint8Array) => void;
  /** A message on the device's chunk topic or on a broadcast topic; holds back the next one until it is dealt with. */
  readonly onChunk: (payload: Uint8Array) => Promise<void>;
  /** To be called after each connect, when the subscriptions stand. */
  readonly onConnect: () => void;
  /** Removes what there is of an archive that is not being fetched. */
  readonly discard: (sha256: Sha256) => Promise<void>;
}

export function openArchiveReceiver(options: ArchiveReceiverOptions): ArchiveReceiver {
  const { directory, log } = options;
  const closing = new AbortController();
  /** Complete files that the caller may still be reading. */
  const handedOut = new Set<Sha256>();
  let reception: Reception | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  async function fetch(archive: ArchiveRef, { signal, onProgress }: FetchOptions): Promise<string> {
    const ending = AbortSignal.any([signal, closing.signal]);
    const before = turn;
    const { promise: myTurn, resolve: endTurn } = Promise.withResolvers<undefined>();
    turn = Promise.all([before, myTurn]);
    try {
      await unlessAborted(before, ending);
      const path = (await findComplete(archive, ending)) ?? (await receive(archive, ending, onProgress));
      handedOut.add(archive.sha256);
      return path;
    } finally {
      endTurn(undefined);
    }
  }

  /** From a run that ended between the last chunk and the use of the file. */
  async function findComplete(archive: ArchiveRef, signal: AbortSignal): Promise<string | undefined> {
    const { complete } = archiveFiles(directory, archive.sha256);
    const isThere = await stat(complete).then(
      () => true,
      () => false,
    );
    if (!isThere) return undefined;
    return (await fileSha256(complete, signal)) === archive.sha256 ? complete : undefined;
  }

  async function receive(
    archive: ArchiveRef,
    signal: AbortSignal,
    onProgress: FetchOptions["onProgress"],
  ): Promise<string> {
    await removeOthers(directory, new Set([...handedOut, archive.sha256]));
    await using partial = await PartialArchive.open(directory, archive);
    const { heldBytes } = partial;
    log.info({ archive: archive.sha256, bytes: archive.length, heldBytes }, "fetching an archive");
    const startedMs = options.clock.monotonicMs();
    const receiving = new Reception(options, partial, () => onProgress?.(partial.heldBytes, archive.length));
    reception = receiving;
    try {
      await receiving.run(signal);
    } finally {
      reception = undefined;
    }
    const seconds = (options.clock.monotonicMs() - startedMs) / 1_000;
    const path = await partial.finish(signal);
    const { retries } = receiving;
    options.onFetched?.({ archive: archive.sha256, bytes: archive.length, heldBytes, seconds, retries });
    return path;
  }

  return {
    fetch,
    onGroupCommand: (payload) => {
      try {
        reception?.onOffer(decodeTransferOffer(payload));
      } catch (error) {
        log.warn({ error: messageOf(error) }, "a group command cannot be read");
      }
    },
    onChunk: async (payload) => {
      if (reception === undefined) return;
      try {
        await reception.onFrame(decodeChunkFrame(payload));
      } catch (error) {
        log.warn({ error: messageOf(error) }, "a chunk frame cannot be read");
      }
    },
    onConnect: () => {
      void reception?.onConnect();
    },
    discard: async (sha256) => {
      handedOut.delete(sha256);
      for (const path of Object.values(archiveFiles(directory, sha256))) await rm(path, { force: true });
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort(new Error("the receiver is closing"));
      await turn;
    },
  };
}

/** Resolves with `work`, or rejects with the signal's reason, whichever is first. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => {
    resolve(undefined);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (!signal.aborted) await Promise.race([work, aborted]);
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
}

/** Bounds what interrupted fetches leave behind: the newest others stay, older ones go. */
async function removeOthers(directory: string, kept: ReadonlySet<string>): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const touchedAtMs = new Map<string, number>();
  for (const name of names) {
    const archive = name.split(".")[0] ?? name;
    if (kept.has(archive)) continue;
    const { mtimeMs } = await stat(join(directory, name));
    touchedAtMs.set(archive, Math.max(mtimeMs, touchedAtMs.get(archive) ?? 0));
  }
  const newestFirst = [...touchedAtMs].toSorted(([, a], [, b]) => b - a).map(([archive]) => archive);
  const removed = new Set(newestFirst.slice(OTHER_PARTIALS_KEPT));
  for (const name of names) {
    if (removed.has(name.split(".")[0] ?? name)) await rm(join(directory, name), { force: true, recursive: true });
  }
}
