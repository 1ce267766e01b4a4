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
 * alike, none twice. In memory are the devices of one query at a time. A record that cannot be read is left out: it came from one device.
 */
export async function* readInference(store: Store, query: InferenceQuery): AsyncGenerator<InferenceBucket> {
  const devices = query.devices === undefined ? await allDevices(store) : query.devices.toSorted();
  const some = devicesInOneQuery(query);
  for (let at = 0; at < devices.length; at += some) {
    const rows = Map.groupBy(await rowsOf(store, devices.slice(at, at + some), query), ({ device }) => device);
    for (const device of devices.slice(at, at + some)) {
      const buckets = new Map<string, InferenceBucket>();
      for (const row of rows.get(device) ?? []) add(buckets, query, row);
      rows.delete(device);
      yield* [...buckets.values()].sort((a, b) => a.atMs - b.atMs);
      // SQLite answers at once: without this, reading a large fleet would hold up everything else.
      await turn();
    }
  }
}

/** Each query may wait for a transaction of records that come: fewer queries make a report sooner while a fleet catches up. */
const ROWS_OF_QUERY = 10_000;
/** A busy model tells one each ten seconds. */
const RECORD_MS = 10_000;
const DEVICES_OF_QUERY_MAX = 50;

function devicesInOneQuery({ fromMs, toMs }: InferenceQuery): number {
  const rowsOfDevice = Math.max(1, (toMs - fromMs) / RECORD_MS);
  return Math.min(DEVICES_OF_QUERY_MAX, Math.max(1, Math.floor(ROWS_OF_QUERY / rowsOfDevice)));
}

interface Row {
  readonly device: DeviceId;
  readonly at_ms: number;
  /** 0: a record. */
  readonly span_ms: number;
  readonly fields_json: string;
}

async function rowsOf(
  store: Store,
  devices: readonly DeviceId[],
  { fromMs, toMs }: InferenceQuery,
): Promise<readonly Row[]> {
  // One text for any number of them, so that the statement stays prepared.
  const chosen = sql<DeviceId>`(SELECT value FROM json_each(${JSON.stringify(devices)}))`;
  return (
    store
      .selectFrom("telemetry")
      .select(["device", "at_ms", sql<number>`0`.as("span_ms"), "fields_json"])
      .where("device", "in", chosen)
      // A literal, so that the database uses its index of these.
      .where(sql<boolean>`kind = 'inference'`)
      .where("at_ms", ">=", fromMs)
      .where("at_ms", "<", toMs)
      .unionAll(
        store
          .selectFrom("telemetry_rollups")
          .select(["device", "at_ms", "span_ms", "fields_json"])
          .where("device", "in", chosen)
          .where("kind", "=", "inference")
          .where("span_ms", "in", [MINUTE_MS, HOUR_MS])
          .where("at_ms", ">=", fromMs)
          .where("at_ms", "<", toMs),
      )
      .execute()
  );
}

const check = gate("stored inference record", RecordFieldsSchema);

function add(buckets: Map<string, InferenceBucket>, query: InferenceQuery, row: Row): void {
  const fields = check(JSON.parse(row.fields_json));
  const { slot, version } = subjectOf(fields);
  if (query.slot !== undefined && slot !== query.slot) return;
  if (query.version !== undefined && version !== query.version) return;
  const spanMs = Math.max(row.span_ms, query.bucketMs ?? MINUTE_MS);
  const atMs = Math.floor(row.at_ms / spanMs) * spanMs;
  const key = JSON.stringify([atMs, spanMs, slot, version]);
  const bucket = buckets.get(key) ?? { device: row.device, slot, version, atMs, spanMs, sum: new InferenceSum() };
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
