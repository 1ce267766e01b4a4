import { Type, type Static } from "typebox";
import { DeviceId, FleetId, ModelName, ModelVersion, StatementDigest } from "../protocol/ids.ts";
import { DeviceInfo } from "../protocol/messages/device-info.ts";
import { gate } from "../protocol/schema.ts";
import { Refusal } from "../protocol/trust/refusal.ts";
import { Report, SlotReport } from "../protocol/trust/report.ts";
import { Detail } from "./telemetry/detail.ts";

/** A version that holds memory, or will again; see `agent/inference/loaded-model.ts`. */
const ModelStatus = Type.Object({
  slot: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  state: Type.String(),
  provider: Type.String(),
  variant: Type.Optional(Type.String()),
  memoryBytes: Type.Integer(),
  latencyP95Ms: Type.Optional(Type.Number()),
  restarts: Type.Integer(),
  sinceMs: Type.Optional(Type.Number()),
});
export type ModelStatus = Static<typeof ModelStatus>;

/** `GET /status` of the local HTTP port: for people and tools on the device; what the fleet believes is the signed report. */
export const AgentStatus = Type.Object({
  fleet: FleetId,
  device: DeviceId,
  agentVersion: Type.String(),
  uptimeMs: Type.Number(),
  broker: Type.Object({ url: Type.String(), connected: Type.Boolean() }),
  rootVersion: Type.Integer(),
  /** Of the newest accepted deployment; 0 for none. */
  seq: Type.Integer(),
  /** False while nothing vouches for the time: the device runs what it has and installs nothing. */
  fresh: Type.Boolean(),
  /** Why the newest deployment was refused as a whole. */
  refusal: Type.Optional(Refusal),
  /** The onnxruntime that computes here, and its execution providers; absent from older agents. */
  runtime: Type.Optional(DeviceInfo.properties.runtime),
  /** Whether the controller can give it another version of the agent; absent from older agents. */
  selfUpdate: Type.Optional(Type.Object({ supported: Type.Boolean(), why: Type.Optional(Type.String()) })),
  slots: Type.Array(SlotReport),
  /** What is loaded, slot by slot; absent from older agents. */
  models: Type.Optional(Type.Array(ModelStatus)),
  /** What processes may still take, where the system tells, and what of it is never given to a model. */
  memory: Type.Optional(Type.Object({ availableBytes: Type.Optional(Type.Number()), reserveBytes: Type.Number() })),
  telemetry: Report.properties.telemetry,
  /** What the link has taken this month; absent from older agents. */
  data: Type.Optional(
    Type.Object({
      sentBytes: Type.Integer(),
      receivedBytes: Type.Integer(),
      /** The budget, where there is one. */
      monthBytes: Type.Optional(Type.Integer()),
      isMetered: Type.Boolean(),
      /** How finely measurements are told because of it. */
      detail: Detail,
    }),
  ),
  /** Messages that made no sense and were left aside since the start. */
  malformedMessages: Type.Integer(),
});
export type AgentStatus = Static<typeof AgentStatus>;

/** Throws ProtocolError. */
export const checkAgentStatus = gate("agent status", AgentStatus);
