import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { summable, type RecordSum } from "../../protocol/record-sum.ts";
import type { RecordRow } from "./outbox-tables.ts";

/** Several records in place of which there is one: at the position and time of the last of them. */
export interface RolledUp {
  readonly into: Pick<RecordRow, "position" | "at_ms">;
  readonly fields: RecordFields;
  /** The others: their numbers will never be sent. */
  readonly gone: readonly Pick<RecordRow, "position" | "at_ms">[];
}

/**
 * Pure: adds up records of one kind and subject that were made in the same stretch of time. `rows` ascend by position.
 * What does not add up, cannot be read, or stands alone in its stretch, is in none of the results.
 */
export function rollUp(rows: readonly RecordRow[], spanMs: number): readonly RolledUp[] {
  const groups = new Map<string, { readonly sum: RecordSum; readonly rows: RecordRow[] }>();
  for (const row of rows) {
    try {
      const fields = JSON.parse(row.fields) as RecordFields;
      const summed = summable(row.kind, fields);
      if (summed === undefined) continue;
      const key = `${row.kind} ${stretchOf(row, spanMs)} ${summed.subject}`;
      const group = groups.get(key) ?? { sum: summed.begin(), rows: [] };
      group.sum.add(fields);
      group.rows.push(row);
      groups.set(key, group);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
    }
  }
  return [...groups.values()].flatMap(({ sum, rows: merged }) => {
    const into = merged.at(-1);
    return into === undefined || merged.length === 1
      ? []
      : [{ into, fields: sum.toFields(), gone: merged.slice(0, -1) }];
  });
}

/** Those of the rows whose stretch is whole: where more may follow, not the last stretch, unless it is the only one. */
export function wholeStretches(rows: readonly RecordRow[], spanMs: number, mayGoOn: boolean): readonly RecordRow[] {
  const last = rows.at(-1);
  if (!mayGoOn || last === undefined) return rows;
  const whole = rows.filter((row) => stretchOf(row, spanMs) !== stretchOf(last, spanMs));
  return whole.length === 0 ? rows : whole;
}

function stretchOf({ at_ms }: RecordRow, spanMs: number): number {
  return Math.floor(at_ms / spanMs);
}
