import { checkGapFields, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { endOf, type DroppedRow, type OutboxStatements, type RecordRow, type StreamRow } from "./outbox-tables.ts";
import { RANK, type Rank } from "./rank.ts";
import { rollUp, wholeStretches } from "./roll-up.ts";

/** Records that are looked at at once: frees whole pages, makes one gap record of many losses, and takes 45 ms at most on a PC. */
const STEP_RECORDS = 256;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Positions of one stream that no record has any more, and why. */
interface Removed {
  readonly stream: StreamRow;
  readonly cause: "rolled-up" | "capacity";
  readonly rows: readonly Pick<RecordRow, "position" | "at_ms">[];
  /** What the rows stood for, where that is more than one measurement each. */
  readonly measurements: number;
}

/** Takes something out of one stream, oldest first; undefined where there is nothing left of its kind. */
type Step = (statements: OutboxStatements, stream: StreamRow, end: number) => Removed | undefined;

/** Detail goes before records, measurements before events, events before evidence. */
const STEPS: readonly Step[] = [
  coarsen(0, MINUTE_MS),
  coarsen(MINUTE_MS, HOUR_MS),
  drop(RANK.measurement),
  drop(RANK.event),
  drop(RANK.evidence),
];

/**
 * Inside the caller's transaction: rolls up, and then drops, the least important records until the database fits, and
 * gives what is to be declared. Gap records stay. Only records that were never sent are touched, so that none is both
 * received and declared missing, and none is received in two versions; the caller keeps the number of sent ones bounded.
 */
export function makeRoom(
  statements: OutboxStatements,
  streams: readonly StreamRow[],
  next: number,
  capBytes: number,
): readonly GapFields[] {
  const removed: Removed[] = [];
  for (const step of STEPS) {
    for (const stream of streams) {
      const end = endOf(stream, next);
      while (usedBytes(statements) > capBytes) {
        const taken = step(statements, stream, end);
        if (taken === undefined) break;
        removed.push(taken);
      }
    }
  }
  return declarations(statements, streams, removed);
}

export interface CondenseRange {
  readonly stream: StreamRow;
  readonly end: number;
  readonly spanMs: number;
  /** Leaves out of a record what is not to be sent; gives the same fields where that is nothing. */
  readonly reduce: (kind: RecordRow["kind"], fields: RecordFields) => RecordFields;
}

export interface Condensed {
  readonly gaps: readonly GapFields[];
  /** False where there is more to do: one call takes CONDENSE_STEPS_MAX steps. */
  readonly isDone: boolean;
}

/** Under 200 ms on a PC: a backlog of a month takes some hundred calls, and in between other parts run. */
const CONDENSE_STEPS_MAX = 4;

/**
 * Inside the caller's transaction: whatever room there is, rolls up what a stream has not sent yet, so that there is one
 * record for each kind, subject and stretch of time, and takes from these what `reduce` leaves out.
 */
export function condense(
  statements: OutboxStatements,
  streams: readonly StreamRow[],
  { stream, end, spanMs, reduce }: CondenseRange,
): Condensed {
  const removed: Removed[] = [];
  let from: number | undefined = stream.claimed;
  for (let steps = 0; from !== undefined && steps < CONDENSE_STEPS_MAX; steps += 1) {
    const { taken, last, isFull } = coarsenFrom(statements, stream, { from, end, spanMs });
    removed.push(taken);
    // The same window again while it shrinks: what it gave up makes room in it for what comes after.
    if (taken.rows.length > 0) continue;
    if (last !== undefined)
      reduceAll(statements, statements.measurements.all(from, last + 1, spanMs, STEP_RECORDS), reduce);
    from = isFull && last !== undefined ? last + 1 : undefined;
  }
  return { gaps: declarations(statements, streams, removed), isDone: from === undefined };
}

function reduceAll(statements: OutboxStatements, rows: readonly RecordRow[], reduce: CondenseRange["reduce"]): void {
  for (const row of rows) {
    const fields = JSON.parse(row.fields) as RecordFields;
    const reduced = reduce(row.kind, fields);
    if (reduced !== fields) statements.setFields.run(JSON.stringify(reduced), row.position);
  }
}

function coarsen(finerMs: number, spanMs: number): Step {
  return (statements, stream, end) => {
    const from = statements.firstOfSpan.get(finerMs, stream.claimed, end);
    return from === undefined ? undefined : coarsenFrom(statements, stream, { from, end, spanMs }).taken;
  };
}

interface CoarsenRange {
  readonly from: number;
  readonly end: number;
  readonly spanMs: number;
}

interface CoarsenStep {
  readonly taken: Removed;
  /** The last record that was looked at. */
  readonly last: number | undefined;
  /** True where more may follow. */
  readonly isFull: boolean;
}

/** One step; every record that it looked at counts as one of the longer stretch afterwards, so that the next goes on. */
function coarsenFrom(
  statements: OutboxStatements,
  stream: StreamRow,
  { from, end, spanMs }: CoarsenRange,
): CoarsenStep {
  const rows = statements.measurements.all(from, end, spanMs, STEP_RECORDS);
  const isFull = rows.length === STEP_RECORDS;
  const whole = wholeStretches(rows, spanMs, isFull);
  const merged = rollUp(whole, spanMs);
  for (const { into, fields } of merged) statements.setFields.run(JSON.stringify(fields), into.position);
  for (const { position } of whole) statements.setSpan.run(spanMs, position);
  const gone = merged.flatMap((one) => one.gone);
  for (const { position } of gone) statements.deleteOne.run(position);
  const taken: Removed = { stream, cause: "rolled-up", rows: gone, measurements: gone.length };
  return { taken, last: whole.at(-1)?.position, isFull };
}

function drop(rank: Rank): Step {
  return (statements, stream, end) => {
    const rows = statements.drop.all(rank, stream.claimed, end, STEP_RECORDS);
    if (rows.length === 0) return undefined;
    return { stream, cause: "capacity", rows, measurements: rows.reduce((sum, row) => sum + recordsIn(row), 0) };
  };
}

/** As a record that was rolled up tells. */
function recordsIn({ fields }: DroppedRow): number {
  const { records } = JSON.parse(fields) as RecordFields;
  return typeof records === "number" ? records : 1;
}

function usedBytes(statements: OutboxStatements): number {
  return statements.usedBytes.get() ?? 0;
}

/** One gap record for each stream and cause. */
function declarations(
  statements: OutboxStatements,
  streams: readonly StreamRow[],
  removed: readonly Removed[],
): readonly GapFields[] {
  const current = streams.at(-1);
  const groups = Map.groupBy(
    removed.filter(({ rows }) => rows.length > 0),
    ({ stream, cause }) => `${stream.id} ${cause}`,
  );
  return [...groups.values()].flatMap((parts) => {
    const [first] = parts;
    if (first === undefined) return [];
    const gap = gapOf(first, parts);
    return first.stream === current
      ? [withEarlierGap(statements, first.stream, gap)]
      : [{ ...gap, stream: first.stream.id }];
  });
}

type CountedGap = GapFields & { readonly count: number };

function gapOf({ stream, cause }: Removed, parts: readonly Removed[]): CountedGap {
  const rows = parts.flatMap((part) => part.rows);
  const measurements = parts.reduce((sum, part) => sum + part.measurements, 0);
  const positions = rows.map((row) => row.position);
  const times = rows.map((row) => row.at_ms);
  return {
    cause,
    count: rows.length,
    ...(measurements === rows.length ? {} : { measurements }),
    firstSeq: smallest(positions) - stream.base,
    lastSeq: largest(positions) - stream.base,
    fromMs: smallest(times),
    toMs: largest(times),
  };
}

/**
 * Takes in the gap record that an earlier overflow of this stream left and that was never sent: its number is now
 * missing too. So an outage that lasts for ever holds one gap record for each cause, not ever more.
 */
function withEarlierGap(statements: OutboxStatements, stream: StreamRow, gap: CountedGap): CountedGap {
  return statements.gapsFrom.all(stream.claimed).reduce((merged, row) => {
    const earlier = checkGapFields(JSON.parse(row.fields));
    if (earlier.cause !== gap.cause || earlier.stream !== undefined || earlier.count === undefined) return merged;
    statements.deleteOne.run(row.position);
    return mergedGap(merged, { ...earlier, count: earlier.count }, row.position - stream.base);
  }, gap);
}

function mergedGap(gap: CountedGap, earlier: CountedGap, ownSeq: number): CountedGap {
  const count = gap.count + earlier.count + 1;
  const measurements = (gap.measurements ?? gap.count) + (earlier.measurements ?? earlier.count) + 1;
  return {
    ...gap,
    count,
    ...(measurements === count ? {} : { measurements }),
    firstSeq: smallest([gap.firstSeq, earlier.firstSeq]),
    lastSeq: largest([gap.lastSeq, earlier.lastSeq, ownSeq]),
    fromMs: smallest([gap.fromMs, earlier.fromMs]),
    toMs: largest([gap.toMs, earlier.toMs]),
  };
}

function smallest(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((least, value) => Math.min(least, value ?? Infinity), Infinity);
}

function largest(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? -Infinity), -Infinity);
}
