import { randomBytes } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import { ALL_DEVICES, type DeviceId, type FleetId, type Sha256, type TransferId } from "../../protocol/ids.ts";
import { encodeTransferOffer, type TransferOffer } from "../../protocol/messages/transfer-offer.ts";
import { decodeTransferWant, type TransferWant } from "../../protocol/messages/transfer-want.ts";
import { deviceTopics, groupTopics } from "../../protocol/topics.ts";
import { encodeChunkFrame } from "../../protocol/transfer/chunk-frame.ts";
import { pieceAt } from "../../protocol/transfer/pieces.ts";
import type { ArchiveSource } from "./archive-source.ts";
import { ChunkCache } from "./chunk-cache.ts";
import { planSends } from "./plan.ts";
import { steer, type Announcement } from "./steer.ts";
import { SendBudget } from "./send-budget.ts";
import { applySend, hear, newTransferState, type Send, type TransferState } from "./transfer-state.ts";

/** Archives on their way at once: each holds at most CACHED_CHUNKS_MAX chunks. Devices ask again when it is less busy. */
export const TRANSFERS_MAX = 8;
/** Frames between the disk and the socket: about 1 MB. The socket's own back-pressure holds them there. */
const FRAMES_IN_FLIGHT_MAX = 16;
/** How often broadcasts are steered and vanished devices dropped. */
const STEER_MS = 25;
/** With nothing on its way, only the vanished are looked for. */
const IDLE_MS = 1_000;
/** After a publish failed (no connection, mostly): devices ask again for what was lost. */
const FAILED_PUBLISH_PAUSE_MS = 500;
/** A transfer that nobody wants is closed, its file with it. */
const UNWANTED_MS = 10_000;
/** For frames on their way when a transfer ends; a stuck socket must not hold back the program's end. */
const CLOSE_WAIT_MS = 1_000;

export interface TransferServicePorts {
  readonly fleet: FleetId;
  readonly publish: MqttLink["publish"];
  /** Undefined where the controller has no such archive. */
  readonly openArchive: (sha256: Sha256) => Promise<ArchiveSource | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  /** All transfers together, as far as the controller's own link is concerned; unlimited when absent. */
  readonly maxBytesPerSecond?: number;
}

export interface TransferService extends AsyncDisposable {
  /** A message on a device's `want` topic. Never throws: what is no want is logged and dropped. */
  readonly onWant: (device: DeviceId, payload: Uint8Array) => void;
  readonly active: () => readonly TransferStatus[];
  /** Of all archives since the controller started, frames and all, each counted once however many devices hear it. */
  readonly sentBytes: () => number;
}

export interface TransferStatus {
  readonly archive: Sha256;
  readonly lengthBytes: number;
  readonly broadcastBytes: number;
  readonly unicastBytes: number;
  /** Devices that are fetching it. */
  readonly devices: number;
  /** Fetches that ended with everything on the device. */
  readonly done: number;
}

interface Transfer {
  readonly source: ArchiveSource;
  readonly cache: ChunkCache;
  readonly state: TransferState;
  broadcastBytes: number;
  unicastBytes: number;
  wantedAtMs: number;
  /** Reads that are under way: the source is closed only after them. */
  readonly reading: Set<Promise<void>>;
}

/** Carries archives to the devices that ask for them: broadcast with repair where several want the same one. */
export function openTransferService(ports: TransferServicePorts): TransferService {
  const { clock, log } = ports;
  const closing = new AbortController();
  const transfers = new Map<Sha256, Transfer>();
  const opening = new Map<Sha256, Promise<void>>();
  const ending = new Set<Promise<void>>();
  const budget = new SendBudget(ports.maxBytesPerSecond);
  let inFlight = 0;
  let sentBytes = 0;
  let pausedUntilMs = -Infinity;
  let wakeUp = new AbortController();
  const wake = () => {
    wakeUp.abort();
  };

  function onWant(device: DeviceId, payload: Uint8Array): void {
    let want: TransferWant;
    try {
      want = decodeTransferWant(payload);
    } catch (error) {
      log.warn({ device, error: messageOf(error) }, "a transfer want cannot be read");
      return;
    }
    const transfer = transfers.get(want.archive);
    if (transfer === undefined) {
      if (want.lacking > 0) void open(device, want);
      return;
    }
    take(transfer, device, want);
  }

  function take(transfer: Transfer, device: DeviceId, want: TransferWant): void {
    const { pieces } = transfer.state.layout;
    if (want.missing.some((piece) => piece >= pieces)) {
      log.warn({ device, archive: want.archive }, "a device wants pieces that the archive does not have");
      return;
    }
    transfer.wantedAtMs = clock.monotonicMs();
    hear(transfer.state, device, want, clock.monotonicMs());
    wake();
  }

  /** Wants that arrive while the archive is being opened wait for that; beyond TRANSFERS_MAX they are dropped. */
  async function open(device: DeviceId, want: TransferWant): Promise<void> {
    if (closing.signal.aborted || transfers.size + opening.size >= TRANSFERS_MAX) return;
    const under = opening.get(want.archive) ?? openOnce(want.archive);
    opening.set(want.archive, under);
    await under;
    const transfer = transfers.get(want.archive);
    if (transfer !== undefined) take(transfer, device, want);
  }

  async function openOnce(archive: Sha256): Promise<void> {
    try {
      const source = await ports.openArchive(archive);
      if (source === undefined) log.warn({ archive }, "a device wants an archive that is not in the catalogue");
      else transfers.set(archive, newTransfer(source, clock.monotonicMs()));
    } catch (error) {
      log.error({ archive, error: messageOf(error) }, "an archive cannot be opened");
    } finally {
      opening.delete(archive);
    }
  }

  async function run(): Promise<void> {
    let steeredAtMs = -Infinity;
    while (!closing.signal.aborted) {
      wakeUp = new AbortController();
      const nowMs = clock.monotonicMs();
      if (nowMs - steeredAtMs >= STEER_MS) {
        steeredAtMs = nowMs;
        for (const transfer of [...transfers.values()]) steerOne(transfer, nowMs);
      }
      if (nowMs >= pausedUntilMs) sendWhatIsDue(nowMs);
      await clock.sleep(transfers.size === 0 ? IDLE_MS : STEER_MS, wakeUp.signal);
    }
  }

  function steerOne(transfer: Transfer, nowMs: number): void {
    const announcement = steer(transfer.state, nowMs, newTransferId);
    if (announcement !== undefined) void announce(transfer, announcement);
    const isUnwanted = transfer.state.recipients.size === 0 && nowMs - transfer.wantedAtMs > UNWANTED_MS;
    if (isUnwanted) end(transfer);
  }

  async function announce(
    { source }: Transfer,
    { transfer, sentinels, through }: Announcement,
    lane: TransferOffer["lane"] = "broadcast",
  ): Promise<void> {
    const { archive } = source;
    const offer = { transfer, group: ALL_DEVICES, archive, lane, sentinels: [...sentinels], through };
    log.debug({ archive: archive.sha256, transfer, lane, sentinels: sentinels.size, through }, "broadcast offered");
    try {
      await ports.publish(groupTopics(ports.fleet, ALL_DEVICES).command, encodeTransferOffer(offer), { qos: 1 });
    } catch (error) {
      // Nobody comes, or nobody hears that the pass has ended: the devices leave for the pull lane by themselves.
      log.debug({ error: messageOf(error) }, "an offer could not be published");
    }
  }

  /** Takes turns between the archives, so that a large one does not hold back a small one. */
  function sendWhatIsDue(nowMs: number): void {
    let isAnyDue = true;
    while (isAnyDue) {
      isAnyDue = false;
      for (const transfer of transfers.values()) {
        const share = Math.max(1, Math.floor(FRAMES_IN_FLIGHT_MAX / transfers.size));
        const slots = Math.min(share, FRAMES_IN_FLIGHT_MAX - inFlight, budget.framesFree(nowMs));
        if (slots < 1) return;
        for (const send of planSends(transfer.state, slots, nowMs)) {
          isAnyDue = true;
          dispatch(transfer, send);
        }
      }
    }
  }

  function dispatch(transfer: Transfer, send: Send): void {
    applySend(transfer.state, send);
    budget.take();
    inFlight += 1;
    // What a frame says of the broadcast is fixed here, in the order of the frames; reading may overtake.
    const sequence = send.kind === "broadcast" ? (transfer.state.broadcast?.sequence ?? 0) : 0;
    const sending = sendOne(transfer, send, sequence).finally(() => {
      inFlight -= 1;
      transfer.reading.delete(sending);
      wake();
    });
    transfer.reading.add(sending);
  }

  async function sendOne(transfer: Transfer, send: Send, sequence: number): Promise<void> {
    const { state, source, cache } = transfer;
    const address = addressOf(ports.fleet, state, send);
    if (address === undefined) return;
    const place = pieceAt(state.layout, send.piece);
    let payload: Uint8Array;
    try {
      const { offsetBytes, lengthBytes } = place;
      payload =
        place.of === "list"
          ? source.chunkDigests.subarray(offsetBytes, offsetBytes + lengthBytes)
          : await cache.read(place.index);
    } catch (error) {
      log.error({ archive: source.archive.sha256, error: messageOf(error) }, "an archive cannot be read");
      end(transfer);
      return;
    }
    const frame = encodeChunkFrame(
      {
        transfer: address.transfer,
        of: place.of,
        index: place.index,
        sequence,
        groupDelayMs: state.broadcast?.pace.groupDelayMs ?? 0,
        sentAtMs: clock.monotonicMs(),
      },
      payload,
    );
    try {
      await ports.publish(address.topic, frame, { qos: 0 });
      sentBytes += frame.byteLength;
      if (send.kind === "broadcast") transfer.broadcastBytes += frame.byteLength;
      else transfer.unicastBytes += frame.byteLength;
    } catch (error) {
      log.debug({ error: messageOf(error) }, "a frame could not be published");
      pausedUntilMs = clock.monotonicMs() + FAILED_PUBLISH_PAUSE_MS;
    }
  }

  function end(transfer: Transfer): void {
    const { sha256 } = transfer.source.archive;
    if (transfers.get(sha256) !== transfer) return;
    transfers.delete(sha256);
    const { broadcastBytes, unicastBytes, state } = transfer;
    log.info({ archive: sha256, broadcastBytes, unicastBytes, done: state.done }, "transfer ended");
    if (state.broadcast !== undefined) {
      const { id, sentinels } = state.broadcast;
      void announce(transfer, { transfer: id, sentinels, through: 0 }, "pull");
    }
    const closed = close(transfer).finally(() => ending.delete(closed));
    ending.add(closed);
  }

  async function close(transfer: Transfer): Promise<void> {
    await Promise.race([Promise.allSettled([...transfer.reading]), clock.sleep(CLOSE_WAIT_MS)]);
    try {
      await transfer.source[Symbol.asyncDispose]();
    } catch (error) {
      log.warn({ error: messageOf(error) }, "an archive could not be closed");
    }
  }

  const running = run();
  return {
    onWant,
    active: () => [...transfers.values()].map(statusOf),
    sentBytes: () => sentBytes,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      wake();
      await running;
      await Promise.all(opening.values());
      for (const transfer of [...transfers.values()]) end(transfer);
      await Promise.all(ending);
    },
  };
}

function newTransfer(source: ArchiveSource, nowMs: number): Transfer {
  return {
    source,
    cache: new ChunkCache(source),
    state: newTransferState(source.archive.length),
    broadcastBytes: 0,
    unicastBytes: 0,
    wantedAtMs: nowMs,
    reading: new Set(),
  };
}

function addressOf(
  fleet: FleetId,
  state: TransferState,
  send: Send,
): { readonly topic: string; readonly transfer: TransferId } | undefined {
  if (send.kind === "broadcast") {
    const id = state.broadcast?.id;
    return id === undefined ? undefined : { topic: groupTopics(fleet, ALL_DEVICES).chunk(id), transfer: id };
  }
  const recipient = state.recipients.get(send.device);
  return recipient && { topic: deviceTopics(fleet, send.device).chunk, transfer: recipient.request };
}

function newTransferId(): TransferId {
  return randomBytes(8).toString("hex") as TransferId;
}

function statusOf({ source, state, broadcastBytes, unicastBytes }: Transfer): TransferStatus {
  const { sha256, length } = source.archive;
  return {
    archive: sha256,
    lengthBytes: length,
    broadcastBytes,
    unicastBytes,
    devices: state.recipients.size,
    done: state.done,
  };
}
