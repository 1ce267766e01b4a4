/** What the telemetry of one device takes on the controller's disk, by age. */
import { join } from "node:path";
import { sql } from "kysely";
import { openStore, type Store } from "../../controller/store/store.ts";
import { minutesToHours } from "../../controller/telemetry/coarsen.ts";
import { cutoffsAt, retentionOf } from "../../controller/telemetry/retention.ts";
import { FROM_THE_START, rollUpRecords } from "../../controller/telemetry/roll-up-records.ts";
import { storeBatches } from "../../controller/telemetry/store-batches.ts";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { healthFields, inferenceFields } from "./telemetry-records.ts";

const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
/** As agents measure: health twice a minute, each model that is asked every ten seconds. */
const HEALTH_MS = 30_000;
const INFERENCE_MS = 10_000;

export interface DiskFigures {
  readonly rawBytes: number;
  readonly minuteBytes: number;
  readonly hourBytes: number;
}

/** Of one device that serves one model that is asked all day, for a day. */
export async function measureDisk(directory: string): Promise<DiskFigures> {
  await using opened = await openStore(join(directory, "disk.db"));
  const { store } = opened;
  const emptyBytes = await usedBytes(store);
  await storeDay(store);
  const rawBytes = (await usedBytes(store)) - emptyBytes;
  await rollUpAt(store, START_MS + 4 * DAY_MS);
  const minuteBytes = (await usedBytes(store)) - emptyBytes;
  await rollUpAt(store, START_MS + 9 * DAY_MS);
  return { rawBytes, minuteBytes, hourBytes: (await usedBytes(store)) - emptyBytes };
}

async function storeDay(store: Store): Promise<void> {
  let seq = 0;
  const stream = "0".repeat(32) as StreamId;
  for (let minuteMs = 0; minuteMs < DAY_MS; minuteMs += 60_000) {
    const from = seq;
    const record = (kind: string, ms: number, fields: ReturnType<typeof healthFields>) => {
      return { seq: seq++, atMs: START_MS + minuteMs + ms, kind, fields };
    };
    const records = [
      ...Array.from({ length: 60_000 / HEALTH_MS }, (_, at) => record("health", at * HEALTH_MS, healthFields(seq))),
      ...Array.from({ length: 60_000 / INFERENCE_MS }, (_, at) =>
        record("inference", at * INFERENCE_MS, inferenceFields(seq)),
      ),
    ];
    const range = { stream, acked: from, from, next: seq, backfill: false, records };
    const nowMs = START_MS + minuteMs + 60_000;
    await store.transaction().execute((db) => storeBatches(db, [{ device: "d1" as DeviceId, range }], nowMs));
  }
}

async function rollUpAt(store: Store, nowMs: number): Promise<void> {
  const cutoffs = cutoffsAt(nowMs, retentionOf());
  let cursor = FROM_THE_START;
  for (let isFull = true; isFull;) ({ cursor, isFull } = await rollUpRecords(store, cursor, { cutoffs, limit: 500 }));
  while (await minutesToHours(store, cutoffs, 500));
}

/** Without the room that is used again, and without the totals of the fleet, which are the same for any number of devices. */
async function usedBytes(store: Store): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    SELECT (c.page_count - f.freelist_count) * s.page_size AS bytes
    FROM pragma_page_count AS c, pragma_freelist_count AS f, pragma_page_size AS s`.execute(store);
  await store.deleteFrom("inference_totals").execute();
  return rows[0]?.bytes ?? 0;
}
