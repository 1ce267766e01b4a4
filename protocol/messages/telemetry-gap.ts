import { Type, type Static } from "typebox";
import { StreamId } from "../ids.ts";
import { gate } from "../schema.ts";

/**
 * Why records are missing.
 * - `capacity`: the outbox was full, the least important ones went first.
 * - `rolled-up`: no measurement is lost, only how finely it was told: a later record of the same stream, which tells in
 *   its field `records` of how many it was made, has their sum. Room or the data budget was short.
 * - `disk`: they could not be written.
 * - `oversize`: a record was larger than any batch may carry.
 * - `power-cut`: the machine stopped before they reached the disk; `count` is then an upper bound, because these
 *   numbers had been set aside and not every one was given away.
 * - `database-damaged`: the device's outbox had to be abandoned; how many were in it is unknown.
 * - `controller-lost`: declared by the controller itself: it had acknowledged them, and its database was lost.
 */
export const GapCause = Type.Union([
  Type.Literal("capacity"),
  Type.Literal("rolled-up"),
  Type.Literal("disk"),
  Type.Literal("oversize"),
  Type.Literal("power-cut"),
  Type.Literal("database-damaged"),
  Type.Literal("controller-lost"),
]);
export type GapCause = Static<typeof GapCause>;

/** The fields of a `gap` record: numbers of one stream that will never arrive. */
export const GapFields = Type.Object({
  cause: GapCause,
  /** The stream whose numbers are missing; absent: the gap record's own. */
  stream: Type.Optional(StreamId),
  /** How many numbers are missing between `firstSeq` and `lastSeq`, both included; absent: unknown. */
  count: Type.Optional(Type.Integer({ minimum: 1 })),
  /** How many measurements went with these numbers, where some of them had been rolled up; absent: one each. */
  measurements: Type.Optional(Type.Integer({ minimum: 1 })),
  firstSeq: Type.Optional(Type.Integer({ minimum: 0 })),
  lastSeq: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Device time of the first and last missing record, as far as it is known. */
  fromMs: Type.Optional(Type.Number()),
  toMs: Type.Optional(Type.Number()),
});
export type GapFields = Static<typeof GapFields>;

/** Throws SCHEMA. */
export const checkGapFields = gate("telemetry gap", GapFields);
