import { sql } from "kysely";
import { setImmediate as turn } from "node:timers/promises";
import type { DeviceId } from "../../protocol/ids.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import { RecordFieldsSchema, type RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";
import { HOUR_MS, MINUTE_MS } from "./spans.ts";

export interface InferenceQuery {
  readonly slot?: string;
  /** Of a model; records that no version is to blame for have none, and are then left out. */
  readonly version?: string;
  /** Absent: all that ever sent telemetry. */
  readonly devices?: readonly DeviceId[];
  /** By the records' own times; a roll-up counts where it begins. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Single records are summed over this long, in stretches that begin at its multiples: a minute where it is absent. */
  readonly bucketMs?: number;
}

/** What one version did on one device in one stretch of time. */
export interface InferenceBucket {
  readonly device: DeviceId;
  readonly slot: string;
  /** Undefined where no version is to blame: an unknown model, a full queue. */
  readonly version: string | undefined;
  readonly atMs: number;
  /** At least `bucketMs`; longer where the records were rolled up already. */
  readonly spanMs: number;
  /** Belongs to whoever got it, who may merge into it. */
  readonly sum: InferenceSum;
}

/**
 * Device by device, ascending by id, each device's buckets ascending by time: records and what they were rolled up to
 * alike, none twice. In memory is one device at a time. A record that cannot be read is left out: it came from one device.
 */
export async function* readInference(store: Store, query: InferenceQuery): AsyncGenerator<InferenceBucket> {
  for (const device of query.devices === undefined ? await allDevices(store) : query.devices.toSorted()) {
    const buckets = new Map<string, InferenceBucket>();
    for (const row of await rowsOf(store, device, query)) add(buckets, device, query, row);
    yield* [...buckets.values()].sort((a, b) => a.atMs - b.atMs);
    // SQLite answers at once: without this, reading a large fleet would hold up everything else.
    await turn();
  }
}

interface Row {
  readonly at_ms: number;
  /** 0: a record. */
  readonly span_ms: number;
  readonly fields_json: string;
}

async function rowsOf(store: Store, device: DeviceId, { fromMs, toMs }: InferenceQuery): Promise<readonly Row[]> {
  return (
    store
      .selectFrom("telemetry")
      .select(["at_ms", sql<number>`0`.as("span_ms"), "fields_json"])
      .where("device", "=", device)
      // A literal, so that the database uses its index of these.
      .where(sql<boolean>`kind = 'inference'`)
      .where("at_ms", ">=", fromMs)
      .where("at_ms", "<", toMs)
      .unionAll(
        store
          .selectFrom("telemetry_rollups")
          .select(["at_ms", "span_ms", "fields_json"])
          .where("device", "=", device)
          .where("kind", "=", "inference")
          .where("span_ms", "in", [MINUTE_MS, HOUR_MS])
          .where("at_ms", ">=", fromMs)
          .where("at_ms", "<", toMs),
      )
      .execute()
  );
}

const check = gate("stored inference record", RecordFieldsSchema);

function add(buckets: Map<string, InferenceBucket>, device: DeviceId, query: InferenceQuery, row: Row): void {
  const fields = check(JSON.parse(row.fields_json));
  const { slot, version } = subjectOf(fields);
  if (query.slot !== undefined && slot !== query.slot) return;
  if (query.version !== undefined && version !== query.version) return;
  const spanMs = Math.max(row.span_ms, query.bucketMs ?? MINUTE_MS);
  const atMs = Math.floor(row.at_ms / spanMs) * spanMs;
  const key = JSON.stringify([atMs, spanMs, slot, version]);
  const bucket = buckets.get(key) ?? { device, slot, version, atMs, spanMs, sum: new InferenceSum() };
  try {
    bucket.sum.add(fields);
    buckets.set(key, bucket);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
  }
}

function subjectOf({ slot, version }: RecordFields) {
  return { slot: typeof slot === "string" ? slot : "", version: typeof version === "string" ? version : undefined };
}

async function allDevices(store: Store): Promise<readonly DeviceId[]> {
  const rows = await store.selectFrom("streams").select("device").distinct().orderBy("device").execute();
  return rows.map(({ device }) => device);
}
