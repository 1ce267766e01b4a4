import { checkGapFields, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import type { DroppedRow, OutboxStatements, StreamRow } from "./outbox-tables.ts";

/** Records that go at once: frees whole pages, and makes one gap record of many losses. */
const DROP_RECORDS = 256;

/**
 * Inside the caller's transaction: deletes the least important records, oldest first, until the database fits, and
 * gives what is to be declared. Measurements go before events, gap records never. Only records that were never sent are
 * dropped, so that no record is both received and declared missing; the caller keeps the number of sent ones bounded.
 */
export function makeRoom(
  statements: OutboxStatements,
  streams: readonly StreamRow[],
  next: number,
  capBytes: number,
): readonly GapFields[] {
  const dropped = new Map<StreamRow, DroppedRow[]>();
  for (const drop of [statements.dropMeasurements, statements.dropEvents]) {
    for (const [at, stream] of streams.entries()) {
      const end = streams[at + 1]?.base ?? next;
      for (let count = DROP_RECORDS; count === DROP_RECORDS && usedBytes(statements) > capBytes;) {
        const rows = drop.all(stream.claimed, end, DROP_RECORDS);
        dropped.set(stream, [...(dropped.get(stream) ?? []), ...rows]);
        count = rows.length;
      }
    }
  }
  const current = streams.at(-1);
  return [...dropped]
    .filter(([, rows]) => rows.length > 0)
    .map(([stream, rows]) => {
      const gap = gapOf(stream, rows);
      return stream === current ? withEarlierGap(statements, stream, gap) : { ...gap, stream: stream.id };
    });
}

function usedBytes(statements: OutboxStatements): number {
  return statements.usedBytes.get() ?? 0;
}

function gapOf(stream: StreamRow, rows: readonly DroppedRow[]): GapFields & { count: number } {
  const positions = rows.map((row) => row.position);
  const times = rows.map((row) => row.at_ms);
  return {
    cause: "capacity",
    count: rows.length,
    firstSeq: smallest(positions) - stream.base,
    lastSeq: largest(positions) - stream.base,
    fromMs: smallest(times),
    toMs: largest(times),
  };
}

/**
 * Takes in the gap record that an earlier overflow of this stream left and that was never sent: its number is now
 * missing too. So an outage that lasts for ever holds one gap record, not ever more.
 */
function withEarlierGap(
  statements: OutboxStatements,
  stream: StreamRow,
  gap: GapFields & { count: number },
): GapFields {
  return statements.gapsFrom.all(stream.claimed).reduce((merged, row) => {
    const earlier = checkGapFields(JSON.parse(row.fields));
    if (earlier.cause !== "capacity" || earlier.stream !== undefined || earlier.count === undefined) return merged;
    statements.deleteOne.run(row.position);
    return {
      ...merged,
      count: merged.count + earlier.count + 1,
      firstSeq: smallest([merged.firstSeq, earlier.firstSeq]),
      lastSeq: largest([merged.lastSeq, earlier.lastSeq, row.position - stream.base]),
      fromMs: smallest([merged.fromMs, earlier.fromMs]),
      toMs: largest([merged.toMs, earlier.toMs]),
    };
  }, gap);
}

function smallest(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((least, value) => Math.min(least, value ?? Infinity), Infinity);
}

function largest(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? -Infinity), -Infinity);
}
