/** What a device told of its health over time: records and what they were added up to alike. */
import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { RecordFieldsSchema, type RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";
import type { LineChart } from "./document.ts";
import type { PresenceWindow } from "./presence-spans.ts";

export interface HealthPoint {
  readonly atMs: number;
  /** Means, where it is a sum; with `.min` and `.max` beside them. */
  readonly fields: RecordFields;
}

const check = gate("stored health record", RecordFieldsSchema);

/** Ascending by time. */
export async function readHealthSeries(
  store: Store,
  device: DeviceId,
  { fromMs, toMs }: PresenceWindow,
): Promise<readonly HealthPoint[]> {
  const { rows } = await sql<{ at_ms: number; fields_json: string }>`
    SELECT at_ms, fields_json FROM telemetry
      WHERE device = ${device} AND kind = 'health' AND at_ms >= ${fromMs} AND at_ms < ${toMs}
    UNION ALL
    SELECT at_ms, fields_json FROM telemetry_rollups
      WHERE device = ${device} AND kind = 'health' AND at_ms >= ${fromMs} AND at_ms < ${toMs}
    ORDER BY at_ms`.execute(store);
  return rows.map(({ at_ms: atMs, fields_json }) => ({ atMs, fields: check(JSON.parse(fields_json)) }));
}

/** What a chart of the width of a page shows apart. */
const STRETCHES = 48;

/** The greatest value in each stretch of the window; null where nothing was told. Pure. */
export function greatestOver(
  health: readonly HealthPoint[],
  { fromMs, toMs }: PresenceWindow,
  valueOf: (fields: RecordFields) => number | undefined,
): LineChart["series"][number]["points"] {
  const stretchMs = (toMs - fromMs) / STRETCHES;
  const greatest = new Map<number, number>();
  for (const { atMs, fields } of health) {
    const value = valueOf(fields);
    if (value === undefined) continue;
    const at = Math.floor((atMs - fromMs) / stretchMs);
    greatest.set(at, Math.max(greatest.get(at) ?? -Infinity, value));
  }
  return Array.from({ length: STRETCHES }, (_, at) => ({
    atMs: fromMs + (at + 0.5) * stretchMs,
    y: greatest.get(at) ?? null,
  }));
}

/** The greatest of a sum where it tells it, else the value itself. */
export function numberIn(fields: RecordFields, name: string): number | undefined {
  const value = fields[`${name}.max`] ?? fields[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
