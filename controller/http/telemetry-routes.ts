import { Type, type Static } from "typebox";
import { DeviceId, StreamId } from "../../protocol/ids.ts";
import { RecordFieldsSchema, RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import { GapCause } from "../../protocol/messages/telemetry-gap.ts";
import { ProblemName } from "../telemetry/problem-names.ts";
import { route } from "./route.ts";

export const TelemetryRecord = Type.Object({
  device: DeviceId,
  stream: StreamId,
  seq: Type.Integer(),
  /** The device's clock. */
  atMs: Type.Number(),
  /** The controller's clock. */
  receivedMs: Type.Number(),
  /** One of those that this version knows, or of a later version of the wire. */
  kind: Type.String(),
  /** True where it waited on the device for a connection. */
  backfill: Type.Boolean(),
  fields: RecordFieldsSchema,
});
export type TelemetryRecord = Static<typeof TelemetryRecord>;

export const TelemetryGap = Type.Object({
  device: DeviceId,
  /** Absent: a stream that the device cannot name. */
  stream: Type.Optional(StreamId),
  cause: GapCause,
  /** Numbers missing; absent: unknown. */
  count: Type.Optional(Type.Integer()),
  /** Measurements that went with them, where some had been rolled up before; absent: one each. */
  measurements: Type.Optional(Type.Integer()),
  firstSeq: Type.Optional(Type.Integer()),
  lastSeq: Type.Optional(Type.Integer()),
  fromMs: Type.Optional(Type.Number()),
  toMs: Type.Optional(Type.Number()),
  receivedMs: Type.Number(),
});
export type TelemetryGap = Static<typeof TelemetryGap>;

/** produced = received + declared + outstanding + missing; `missing` is 0 where nothing went wrong. */
export const TelemetryAccount = Type.Object({
  device: DeviceId,
  stream: StreamId,
  produced: Type.Integer(),
  received: Type.Integer(),
  declared: Type.Integer(),
  /** Of `declared`, what is no loss: the measurements came added up, in another record. */
  rolledUp: Type.Integer(),
  outstanding: Type.Integer(),
  missing: Type.Integer(),
  /** True where the device lost an outbox, and cannot tell how much was in it. */
  isLossUnknown: Type.Boolean(),
  lastMs: Type.Number(),
  /** `received`, counted anew from every row: where that was asked for. */
  recounted: Type.Optional(Type.Integer()),
});
export type TelemetryAccount = Static<typeof TelemetryAccount>;

/** Something that a device sent as telemetry and should not have. */
export const TelemetryProblem = Type.Object({
  device: DeviceId,
  problem: ProblemName,
  /** Batches or records. */
  count: Type.Integer(),
  firstMs: Type.Number(),
  lastMs: Type.Number(),
  /** What it was the last time. */
  example: Type.String(),
  /** What a person does about it. */
  next: Type.String(),
});
export type TelemetryProblem = Static<typeof TelemetryProblem>;

const ofDevice = { device: Type.Optional(DeviceId) };

export const TELEMETRY_ROUTES = {
  tailTelemetry: route({
    method: "GET",
    path: "/api/v1/telemetry",
    tag: "telemetry",
    summary: "The last records, or those after a cursor, in the order in which they were stored",
    role: "viewer",
    query: Type.Object({
      ...ofDevice,
      kind: Type.Optional(RecordKind),
      cursor: Type.Optional(Type.String({ maxLength: 300 })),
      limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
    }),
    /** Give the cursor back to get what came after. */
    result: Type.Object({ records: Type.Array(TelemetryRecord), cursor: Type.String() }),
  }),
  telemetryGaps: route({
    method: "GET",
    path: "/api/v1/telemetry/gaps",
    tag: "telemetry",
    summary: "What devices declared as lost or as told less finely, newest first",
    role: "viewer",
    query: Type.Object(ofDevice),
    result: Type.Object({ gaps: Type.Array(TelemetryGap) }),
  }),
  exportTelemetry: route({
    method: "GET",
    path: "/api/v1/telemetry/export",
    tag: "telemetry",
    summary: "Records, and what they were added up to, as a stream of text",
    role: "viewer",
    query: Type.Object({
      ...ofDevice,
      format: Type.Union([Type.Literal("jsonl"), Type.Literal("csv")]),
      kind: Type.Optional(Type.String({ maxLength: 32 })),
      slot: Type.Optional(Type.String({ maxLength: 64 })),
      /** By the records' own times. */
      fromMs: Type.Optional(Type.Number()),
      toMs: Type.Optional(Type.Number()),
    }),
    result: "bytes",
  }),
  telemetryProblems: route({
    method: "GET",
    path: "/api/v1/telemetry/problems",
    tag: "telemetry",
    summary: "What devices sent as telemetry and should not have, the latest first",
    role: "viewer",
    query: Type.Object(ofDevice),
    result: Type.Object({ problems: Type.Array(TelemetryProblem) }),
  }),
  telemetryAccounting: route({
    method: "GET",
    path: "/api/v1/telemetry/accounting",
    tag: "telemetry",
    summary: "What became of every record of every stream",
    role: "viewer",
    /** `verify`: counts every record anew, which takes long. */
    query: Type.Object({ ...ofDevice, verify: Type.Boolean({ default: false }) }),
    result: Type.Object({ accounts: Type.Array(TelemetryAccount) }),
  }),
} as const;
