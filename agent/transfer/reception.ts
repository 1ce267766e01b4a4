import { randomBytes } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId, TransferId } from "../../protocol/ids.ts";
import type { TransferOffer } from "../../protocol/messages/transfer-offer.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { encodeTransferWant } from "../../protocol/messages/transfer-want.ts";
import { deviceTopics, groupTopics } from "../../protocol/topics.ts";
import type { ChunkFrame } from "../../protocol/transfer/chunk-frame.ts";
import { pieceNumber } from "../../protocol/transfer/pieces.ts";
import { Asking } from "./asking.ts";
import { piecesToAsk } from "./decide.ts";
import { Intake } from "./intake.ts";
import { Listening } from "./listening.ts";
import type { PartialArchive } from "./partial-archive.ts";

/** How often a reception looks at itself, when nothing wakes it. */
const TICK_MS = 50;
/** Written and not yet synced: 3.9 MB that a power cut may take; more arrives only after a sync. */
const UNSYNCED_MAX = 64;
/** What is written is synced when it is this much or this old: a sync costs what 6 chunks cost. */
const SYNC_PIECES = 32;
const SYNC_MS = 250;

export interface ReceptionPorts {
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly link: Pick<MqttLink, "publish" | "subscribe" | "unsubscribe">;
  readonly clock: Clock;
  readonly log: Log;
}

/** One archive on its way in: takes frames, asks for what lacks, until every piece is on the disk. */
export class Reception {
  readonly #ports: ReceptionPorts;
  readonly #partial: PartialArchive;
  readonly #onProgress: () => void;
  readonly #request = randomBytes(8).toString("hex") as TransferId;
  readonly #intake: Intake;
  readonly #asking = new Asking();
  /** Broadcasts that this reception has left or could not join. */
  readonly #left = new Set<TransferId>();
  #listening: Listening | undefined;
  #invitation: TransferOffer | undefined;
  /** False after lagging: a slow device stays in the pull lane. */
  #joins = true;
  #wantedAtMs = -Infinity;
  #syncedAtMs: number;
  /** Whether the next want carries the bitmap. */
  #tellsHeld = true;
  #failure: Error | undefined;
  #wakeUp = new AbortController();

  constructor(ports: ReceptionPorts, partial: PartialArchive, onProgress: () => void) {
    this.#ports = ports;
    this.#partial = partial;
    this.#onProgress = onProgress;
    this.#intake = new Intake(partial, ports.log);
    this.#syncedAtMs = ports.clock.monotonicMs();
  }

  /** Pieces that were asked for more than once. */
  get retries(): number {
    return this.#asking.retries;
  }

  /** Resolves when every piece is on the disk. Rejects with FerryError, or with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const wake = () => {
      this.#wakeUp.abort();
    };
    signal.addEventListener("abort", wake);
    try {
      while (!this.#partial.written.isComplete) {
        this.#wakeUp = new AbortController();
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure;
        await this.#step(clock.monotonicMs());
        if (!this.#hasMoreToDo()) await clock.sleep(TICK_MS, this.#wakeUp.signal);
      }
      await this.#sync();
    } finally {
      signal.removeEventListener("abort", wake);
      this.#joins = false;
      await this.#leave("the fetch has ended");
      await this.#say([], clock.monotonicMs());
    }
  }

  /** An offer of any archive. */
  onOffer(offer: TransferOffer): void {
    const { sha256, length, chunkList } = this.#partial.archive;
    const { archive } = offer;
    if (archive.sha256 !== sha256 || archive.length !== length || archive.chunkList !== chunkList) return;
    if (this.#listening?.transfer === offer.transfer) this.#listening.hearOffer(offer, this.#isSentinelIn(offer));
    else if (offer.lane === "broadcast" && this.#joins && !this.#left.has(offer.transfer)) this.#invitation = offer;
    this.#wakeUp.abort();
  }

  /** While the connection was lost the broadcast went on without this device: it asks for the rest by itself. */
  async onConnect(): Promise<void> {
    await this.#leave("the connection was lost");
    this.#askAfresh();
  }

  /** Takes one frame; resolves when it is dealt with, which holds back the next. Never rejects. */
  async onFrame({ header, payload }: ChunkFrame): Promise<void> {
    const listening = this.#listening?.transfer === header.transfer ? this.#listening : undefined;
    // After leaving a broadcast its frames still come out of the broker's queue: they are as good as any.
    if (listening === undefined && header.transfer !== this.#request && !this.#left.has(header.transfer)) return;
    const piece = pieceNumber(this.#partial.layout, header.of, header.index);
    if (piece === undefined) return;
    const nowMs = this.#ports.clock.monotonicMs();
    listening?.hearFrame(header, piece, nowMs);
    if (header.transfer === this.#request) this.#asking.answered(piece, nowMs, payload.byteLength === CHUNK_BYTES);
    else this.#asking.heard(piece, nowMs);
    try {
      if (!this.#partial.written.has(piece)) await this.#intake.take(piece, payload);
      if (this.#partial.unsyncedPieces >= UNSYNCED_MAX) await this.#sync();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
    }
    if (this.#hasMoreToDo()) this.#wakeUp.abort();
  }

  async #step(nowMs: number): Promise<void> {
    await this.#keepLane(nowMs);
    const missing = this.#piecesToAsk(nowMs);
    // The next pieces are asked for first: they travel while the disk syncs. A want counts as held only what is synced.
    if (this.#tellsHeld || missing.length > 0 || this.#isAcknowledgementDue(nowMs)) await this.#say(missing, nowMs);
    if (this.#partial.unsyncedPieces >= SYNC_PIECES || nowMs - this.#syncedAtMs > SYNC_MS) await this.#sync();
  }

  async #keepLane(nowMs: number): Promise<void> {
    this.#listening?.look(nowMs);
    if (this.#listening?.shouldLeave(nowMs) === true) {
      if (this.#listening.lags) this.#joins = false;
      await this.#leave(this.#joins ? "it is over or silent" : "this device lags behind the group");
      this.#askAfresh();
    }
    const invitation = this.#invitation;
    this.#invitation = undefined;
    if (invitation !== undefined) await this.#join(invitation, nowMs);
  }

  async #join(offer: TransferOffer, nowMs: number): Promise<void> {
    await this.#leave("another broadcast replaces it");
    const { link, fleet, log } = this.#ports;
    const topic = groupTopics(fleet, offer.group).chunk(offer.transfer);
    const listening = new Listening(offer, topic, this.#isSentinelIn(offer), nowMs);
    this.#listening = listening;
    try {
      await link.subscribe(topic, 0);
      this.#askAfresh();
    } catch (error) {
      log.info({ transfer: offer.transfer, error: messageOf(error) }, "cannot join a broadcast; going on alone");
      await this.#leave("it cannot be subscribed");
    }
  }

  async #leave(why: string): Promise<void> {
    const listening = this.#listening;
    if (listening === undefined) return;
    this.#listening = undefined;
    this.#left.add(listening.transfer);
    this.#ports.log.debug({ transfer: listening.transfer, why }, "left a broadcast");
    try {
      await this.#ports.link.unsubscribe(listening.topic);
    } catch {
      // No connection: the next one does not know the topic any more.
    }
  }

  #askAfresh(): void {
    this.#asking.forget();
    this.#tellsHeld = true;
    this.#wakeUp.abort();
  }

  async #sync(): Promise<void> {
    await this.#partial.sync();
    this.#syncedAtMs = this.#ports.clock.monotonicMs();
    this.#onProgress();
  }

  /** Tells the controller what is on the disk, and what it is to send. */
  async #say(missing: number[], nowMs: number): Promise<void> {
    const { fleet, device, link, log } = this.#ports;
    const { held, archive } = this.#partial;
    const want = encodeTransferWant({
      archive: archive.sha256,
      request: this.#request,
      cumulative: held.firstLacking,
      lacking: held.size - held.count,
      missing,
      ...(this.#tellsHeld ? { held: held.toBytes() } : {}),
      ...(this.#listening?.acknowledge() ?? { lane: "pull", joins: this.#joins }),
    });
    this.#asking.ask(missing, nowMs);
    this.#tellsHeld = false;
    this.#wantedAtMs = nowMs;
    try {
      await link.publish(deviceTopics(fleet, device).want, want, { qos: 0 });
    } catch (error) {
      // The next connection asks afresh.
      log.debug({ error: messageOf(error) }, "a transfer want could not be sent");
    }
  }

  #piecesToAsk(nowMs: number): number[] {
    const listening = this.#listening;
    // While the chunk list lacks, its fragments are due as soon as anything behind them has come.
    const settled = this.#partial.list === undefined ? listening?.reached : listening?.settled;
    return piecesToAsk({
      lane: listening === undefined ? "pull" : "broadcast",
      written: this.#partial.written,
      fragments: this.#intake.fragments,
      listPieces: this.#partial.layout.listPieces,
      awaited: listening === undefined ? this.#asking.awaited(nowMs) : this.#asking.awaitedRepairs(nowMs),
      credit: this.#asking.credit(nowMs),
      settled: settled ?? 0,
    });
  }

  #isAcknowledgementDue(nowMs: number): boolean {
    return this.#listening?.isAcknowledgementDue(nowMs - this.#wantedAtMs) === true;
  }

  #isSentinelIn(offer: TransferOffer): boolean {
    return offer.sentinels.includes(this.#ports.device);
  }

  /** Whether the next step need not wait for its time. In a broadcast, gaps can wait; looking for them is not free. */
  #hasMoreToDo(): boolean {
    if (this.#partial.written.isComplete || this.#failure !== undefined || this.#tellsHeld) return true;
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#listening !== undefined) return this.#isAcknowledgementDue(nowMs);
    return this.#invitation !== undefined || this.#piecesToAsk(nowMs).length > 0;
  }
}
