import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { StoreTransaction } from "../store/store.ts";

/** The counts of one stream, to be changed in place while a transaction lasts. */
export interface StreamCounts {
  readonly device: DeviceId;
  readonly stream: StreamId;
  /** The watermark: everything before it is settled. */
  next: number;
  received: number;
  declared: number;
  rolledUp: number;
  life: string | null;
  lostHere: number;
  isLossUnknown: boolean;
  /** Of the last batch: true where the device drains a backlog. Undefined: only a gap record elsewhere tells of the stream. */
  backfill: boolean | undefined;
}

/** The streams that one transaction touches: each read once, and written once at its end. */
export class StreamTally {
  readonly #db: StoreTransaction;
  readonly #streams = new Map<string, { readonly counts: StreamCounts; readonly isKnown: boolean }>();

  constructor(db: StoreTransaction) {
    this.#db = db;
  }

  /** Zeros for a stream that is not known yet. */
  async of(device: DeviceId, stream: StreamId): Promise<StreamCounts> {
    const key = `${device}/${stream}`;
    const known = this.#streams.get(key);
    if (known !== undefined) return known.counts;
    const row = await this.#db
      .selectFrom("streams")
      .select(["next", "received", "declared", "rolled_up", "life", "lost_here", "loss_unknown"])
      .where("device", "=", device)
      .where("stream", "=", stream)
      .executeTakeFirst();
    const counts: StreamCounts = {
      device,
      stream,
      next: row?.next ?? 0,
      received: row?.received ?? 0,
      declared: row?.declared ?? 0,
      rolledUp: row?.rolled_up ?? 0,
      life: row?.life ?? null,
      lostHere: row?.lost_here ?? 0,
      isLossUnknown: row?.loss_unknown === 1,
      backfill: undefined,
    };
    this.#streams.set(key, { counts, isKnown: row !== undefined });
    return counts;
  }

  /** Gives what was stored. */
  async store(nowMs: number): Promise<readonly StreamCounts[]> {
    for (const { counts, isKnown } of this.#streams.values()) {
      const { device, stream, next, received, declared, rolledUp, life, lostHere, isLossUnknown, backfill } = counts;
      const heard = backfill === undefined ? {} : { last_ms: nowMs };
      const loss_unknown = isLossUnknown ? 1 : 0;
      const kept = { next, received, declared, rolled_up: rolledUp, life, lost_here: lostHere, loss_unknown } as const;
      const values = { ...kept, ...heard } as const;
      await (isKnown
        ? this.#db
            .updateTable("streams")
            .set(values)
            .where("device", "=", device)
            .where("stream", "=", stream)
            .execute()
        : this.#db
            .insertInto("streams")
            .values({ device, stream, first_ms: nowMs, last_ms: 0, ...values })
            .execute());
    }
    return [...this.#streams.values()].map(({ counts }) => counts);
  }
}
