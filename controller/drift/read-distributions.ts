import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { checkDistributionFields, type DistributionFields } from "../../protocol/messages/telemetry-distribution.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Store } from "../store/store.ts";

export interface DistributionQuery {
  readonly slot?: string | undefined;
  readonly version?: string | undefined;
  /** Absent: inputs and outputs. */
  readonly role?: "score" | undefined;
  /** Absent: the whole fleet. */
  readonly devices?: readonly DeviceId[] | undefined;
  /** By the records' own times; a roll-up counts where it begins. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Which end of the time is read first: where there are more than ROWS_MAX, the other end is left out. */
  readonly from: "newest" | "oldest";
}

export interface DistributionRow {
  readonly device: DeviceId;
  readonly atMs: number;
  readonly fields: DistributionFields;
}

/** About two seconds of work, and 100 MB. Half an hour of fifty busy devices with eighty features each. */
const ROWS_MAX = 40_000;

/** Records and what they were rolled up to alike, none twice. One that cannot be read is left out: it came from one device. */
export async function readDistributions(store: Store, query: DistributionQuery): Promise<readonly DistributionRow[]> {
  const { slot, version, role, devices, fromMs, toMs, from } = query;
  const order = sql.raw(from === "newest" ? "DESC" : "ASC");
  const of = sql.join(
    [
      // As the index has it.
      role === "score" ? sql`AND fields_json ->> '$.role' = 'score'` : sql`AND fields_json ->> '$.role' <> 'score'`,
      ...(slot === undefined ? [] : [sql`AND fields_json ->> '$.slot' = ${slot}`]),
      ...(version === undefined ? [] : [sql`AND fields_json ->> '$.version' = ${version}`]),
      ...(devices === undefined ? [] : [sql`AND device IN (SELECT value FROM json_each(${JSON.stringify(devices)}))`]),
    ],
    sql` `,
  );
  const rows = await Promise.all(
    // The kind as a literal, so that the database uses its index of these.
    [sql`telemetry`, sql`telemetry_rollups`].map(async (table) => {
      const { rows: found } = await sql<{ device: DeviceId; at_ms: number; fields_json: string }>`
        SELECT device, at_ms, fields_json FROM ${table}
        WHERE kind = 'distribution' AND at_ms >= ${fromMs} AND at_ms < ${toMs} ${of}
        ORDER BY at_ms ${order} LIMIT ${ROWS_MAX}`.execute(store);
      return found;
    }),
  );
  const sign = from === "newest" ? -1 : 1;
  return rows
    .flat()
    .sort((a, b) => sign * (a.at_ms - b.at_ms))
    .slice(0, ROWS_MAX)
    .flatMap(({ device, at_ms: atMs, fields_json }) => {
      try {
        return [{ device, atMs, fields: checkDistributionFields(JSON.parse(fields_json)) }];
      } catch (thrown) {
        if (thrown instanceof ProtocolError) return [];
        throw thrown;
      }
    });
}
