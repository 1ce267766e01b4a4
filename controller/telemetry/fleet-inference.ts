/**
 * What the versions do over the whole fleet, minute by minute, kept up as records come: a report over ten thousand
 * devices reads as many rows as its time has minutes, and not their records.
 */
import { CompiledQuery } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import { RecordFieldsSchema, type TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { HOUR_MS, MINUTE_MS } from "./spans.ts";

/** What one version did on all devices. */
export interface VersionInference {
  readonly slot: string;
  /** Undefined where no version is to blame: an unknown model, a full queue. */
  readonly version: string | undefined;
  /** Devices that told of it. */
  readonly devices: number;
  readonly sum: InferenceSum;
}

/** `inference_devices` is written this seldom for one device: who looks for shorter finds it a little longer. */
const SEEN_AGAIN_MS = 600_000;

// Written out: these run for each device or minute of a transaction, and building them takes ten times as long as running them.
const SEEN = `
  INSERT INTO inference_devices (slot, version, device, first_ms, last_ms) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (slot, version, device) DO UPDATE SET
    first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)
  WHERE excluded.first_ms < first_ms OR excluded.last_ms > last_ms + ${String(SEEN_AGAIN_MS)}`;

const check = gate("stored inference total", RecordFieldsSchema);

interface Total {
  readonly slot: string;
  readonly version: string;
  readonly atMs: number;
  readonly sum: InferenceSum;
}

interface Seen {
  readonly slot: string;
  readonly version: string;
  readonly device: DeviceId;
  firstMs: number;
  lastMs: number;
}

/** Collects the records of one transaction. */
export class FleetTally {
  readonly #totals = new Map<string, Total>();
  readonly #seen = new Map<string, Seen>();
  /** Of the record before: those of one device and minute follow each other. */
  #total: Total | undefined;
  #device: Seen | undefined;

  /** Throws SCHEMA or MALFORMED, and counts nothing then. */
  add(device: DeviceId, { atMs, fields }: TelemetryRecord): void {
    const slot = typeof fields["slot"] === "string" ? fields["slot"] : "";
    const version = typeof fields["version"] === "string" ? fields["version"] : "";
    this.#totalOf(slot, version, Math.floor(atMs / MINUTE_MS) * MINUTE_MS).sum.add(fields);
    const seen = this.#seenOf(slot, version, device, atMs);
    seen.firstMs = Math.min(seen.firstMs, atMs);
    seen.lastMs = Math.max(seen.lastMs, atMs);
  }

  #totalOf(slot: string, version: string, atMs: number): Total {
    const last = this.#total;
    if (last?.atMs === atMs && last.slot === slot && last.version === version) return last;
    const key = `${atMs} ${slot.length} ${slot}${version}`;
    const total = this.#totals.get(key) ?? { slot, version, atMs, sum: new InferenceSum() };
    this.#totals.set(key, total);
    this.#total = total;
    return total;
  }

  #seenOf(slot: string, version: string, device: DeviceId, atMs: number): Seen {
    const last = this.#device;
    if (last?.device === device && last.slot === slot && last.version === version) return last;
    const key = `${device} ${slot.length} ${slot}${version}`;
    const seen = this.#seen.get(key) ?? { slot, version, device, firstMs: atMs, lastMs: atMs };
    this.#seen.set(key, seen);
    this.#device = seen;
    return seen;
  }

  /** In the transaction that stores the records, so that each counts once. */
  async store(db: StoreTransaction): Promise<void> {
    for (const { slot, version, atMs, sum } of this.#totals.values()) {
      // Nothing of it could be read.
      if (sum.records === 0) continue;
      await addTotal(db, { slot, version, spanMs: MINUTE_MS, atMs }, sum);
    }
    for (const { slot, version, device, firstMs, lastMs } of this.#seen.values()) {
      const values = [slot, version, device, Math.floor(firstMs), Math.ceil(lastMs)];
      await db.executeQuery(CompiledQuery.raw(SEEN, values));
    }
  }
}

export interface TotalKey {
  readonly slot: string;
  readonly version: string;
  readonly spanMs: number;
  readonly atMs: number;
}

const TOTAL = "SELECT fields_json FROM inference_totals WHERE span_ms = ? AND at_ms = ? AND slot = ? AND version = ?";
const SET_TOTAL = `
  INSERT INTO inference_totals (span_ms, at_ms, slot, version, fields_json) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (span_ms, at_ms, slot, version) DO UPDATE SET fields_json = excluded.fields_json`;

/** Merges into the row that is there. */
export async function addTotal(db: StoreTransaction, key: TotalKey, sum: InferenceSum): Promise<void> {
  const { slot, version, spanMs, atMs } = key;
  const values = [spanMs, atMs, slot, version];
  const { rows } = await db.executeQuery<{ readonly fields_json: string }>(CompiledQuery.raw(TOTAL, values));
  const [there] = rows;
  if (there !== undefined) sum.add(check(JSON.parse(there.fields_json)));
  const text = JSON.stringify(sum.toFields(slot, version === "" ? undefined : version));
  await db.executeQuery(CompiledQuery.raw(SET_TOTAL, [...values, text]));
}

export interface FleetInferenceQuery {
  /** By the records' own times. A minute counts where it begins, and an hour that minutes were rolled up to. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** By slot and version; all of what the devices told in that time. */
export async function readFleetInference(
  store: Store,
  { fromMs, toMs }: FleetInferenceQuery,
): Promise<readonly VersionInference[]> {
  const totals = await store
    .selectFrom("inference_totals")
    .select(["slot", "version", "fields_json"])
    .where("span_ms", "in", [MINUTE_MS, HOUR_MS])
    .where("at_ms", ">=", Math.floor(fromMs / MINUTE_MS) * MINUTE_MS)
    .where("at_ms", "<", toMs)
    .execute();
  const seen = await store
    .selectFrom("inference_devices")
    .select(({ fn }) => ["slot", "version", fn.countAll<number>().as("devices")])
    .where("last_ms", ">=", fromMs - SEEN_AGAIN_MS)
    .where("first_ms", "<", toMs)
    .groupBy(["slot", "version"])
    .execute();
  return [...Map.groupBy(totals, ({ slot, version }) => JSON.stringify([slot, version])).values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const { slot, version } = first;
    const sum = new InferenceSum();
    for (const { fields_json } of rows) addSound(sum, fields_json);
    const devices = seen.find((row) => row.slot === slot && row.version === version)?.devices ?? 0;
    return [{ slot, version: version === "" ? undefined : version, devices, sum }];
  });
}

function addSound(sum: InferenceSum, text: string): void {
  try {
    sum.add(check(JSON.parse(text)));
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
  }
}
