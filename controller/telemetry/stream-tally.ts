import { CompiledQuery, type Selectable } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { StoreTransaction } from "../store/store.ts";
import type { StreamsTable } from "../store/tables.ts";

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
  /** False before its first transaction. */
  readonly isKnown: boolean;
}

type StreamRow = Pick<
  Selectable<StreamsTable>,
  "next" | "received" | "declared" | "rolled_up" | "life" | "lost_here" | "loss_unknown"
>;

// Written out: two of these run for each batch, and building them takes ten times as long as running them.
const READ =
  "SELECT next, received, declared, rolled_up, life, lost_here, loss_unknown FROM streams WHERE device = ? AND stream = ?";
/** `last_ms` of 0: the device did not speak in this stream itself, which changes nothing of when it last did. */
const WRITE = `
  INSERT INTO streams
    (device, stream, first_ms, last_ms, next, received, declared, rolled_up, life, lost_here, loss_unknown)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (device, stream) DO UPDATE SET
    last_ms = CASE excluded.last_ms WHEN 0 THEN last_ms ELSE excluded.last_ms END,
    next = excluded.next, received = excluded.received, declared = excluded.declared, rolled_up = excluded.rolled_up,
    life = excluded.life, lost_here = excluded.lost_here, loss_unknown = excluded.loss_unknown`;

/** The streams that one transaction touches: each read once, and written once at its end. */
export class StreamTally {
  readonly #db: StoreTransaction;
  readonly #streams = new Map<string, StreamCounts>();

  constructor(db: StoreTransaction) {
    this.#db = db;
  }

  /** Zeros for a stream that is not known yet. */
  async of(device: DeviceId, stream: StreamId): Promise<StreamCounts> {
    const key = `${device}/${stream}`;
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const { rows } = await this.#db.executeQuery<StreamRow>(CompiledQuery.raw(READ, [device, stream]));
    const [row] = rows;
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
      isKnown: row !== undefined,
    };
    this.#streams.set(key, counts);
    return counts;
  }

  /** Of a device that is not taken. */
  forget({ device, stream }: StreamCounts): void {
    this.#streams.delete(`${device}/${stream}`);
  }

  /** Gives what was stored. */
  async store(nowMs: number): Promise<readonly StreamCounts[]> {
    for (const counts of this.#streams.values()) {
      const { device, stream, next, received, declared, rolledUp, life, lostHere, isLossUnknown, backfill } = counts;
      const lastMs = backfill === undefined ? 0 : nowMs;
      const told = [next, received, declared, rolledUp, life, lostHere, isLossUnknown ? 1 : 0];
      await this.#db.executeQuery(CompiledQuery.raw(WRITE, [device, stream, nowMs, lastMs, ...told]));
    }
    return [...this.#streams.values()];
  }
}
