import { Type, type Static } from "typebox";
import { DeviceId, Labels, LabelText, ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { DeviceInfo } from "../../protocol/messages/device-info.ts";
import { RecordFieldsSchema } from "../../protocol/messages/telemetry-batch.ts";
import { LABELS_MAX } from "../../protocol/limits.ts";
import { Report } from "../../protocol/trust/report.ts";
import { RolloutDeviceState } from "../store/rollout-state.ts";
import { route } from "./route.ts";

/** What a device says that it serves in one slot. */
export const ServedModel = Type.Object({
  slot: ModelName,
  phase: Type.String(),
  /** Absent when nothing is loaded. */
  version: Type.Optional(ModelVersion),
  statement: Type.Optional(StatementDigest),
  /** Absent when the device is to run nothing here. */
  desired: Type.Optional(StatementDigest),
  refusal: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
});
export type ServedModel = Static<typeof ServedModel>;

/** Times are the controller's clock, in milliseconds since 1970. */
export const Device = Type.Object({
  id: DeviceId,
  online: Type.Boolean(),
  /** When `online` last changed. */
  onlineSinceMs: Type.Number(),
  lastHeardMs: Type.Number(),
  labels: Labels,
  hardware: Type.Optional(Type.String()),
  agentVersion: Type.Optional(Type.String()),
  models: Type.Array(ServedModel),
});
export type Device = Static<typeof Device>;

export const DeviceDetail = Type.Object({
  device: Device,
  firstSeenMs: Type.Number(),
  /** The labels that an operator set; they win over the device's own. */
  operatorLabels: Labels,
  /** SHA-256 of the public key (SPKI, DER) with which it signs. */
  keyFingerprint: Type.Optional(Type.String()),
  info: Type.Optional(DeviceInfo),
  /** The newest signed report. */
  report: Type.Optional(Report),
  reportedMs: Type.Optional(Type.Number()),
  /** Its newest health record; which fields depends on what the hardware can tell, units in their names. */
  health: Type.Optional(Type.Object({ atMs: Type.Number(), receivedMs: Type.Number(), fields: RecordFieldsSchema })),
  /** What it is to run. */
  deployment: Type.Optional(
    Type.Object({
      seq: Type.Integer(),
      slots: Type.Array(
        Type.Object({
          slot: ModelName,
          version: ModelVersion,
          statement: StatementDigest,
          /** How it is to get its traffic while it soaks, as people write it; absent: it replaces the former one. */
          mode: Type.Optional(Type.String()),
        }),
      ),
    }),
  ),
  /** The newest rollout of each model that wishes something of it. */
  rollouts: Type.Array(
    Type.Object({
      id: Type.Integer(),
      model: ModelName,
      version: ModelVersion,
      state: RolloutDeviceState,
      why: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});
export type DeviceDetail = Static<typeof DeviceDetail>;

const params = Type.Object({ device: DeviceId });

export const DEVICE_ROUTES = {
  listDevices: route({
    method: "GET",
    path: "/api/v1/devices",
    tag: "devices",
    summary: "The devices that match a label selector; all of them without one",
    role: "viewer",
    query: Type.Object({ selector: Type.Optional(Type.String({ maxLength: 2_000 })) }),
    result: Type.Object({ devices: Type.Array(Device) }),
  }),
  getDevice: route({
    method: "GET",
    path: "/api/v1/devices/:device",
    tag: "devices",
    summary: "One device: inventory, newest signed report, what it is to run",
    role: "viewer",
    params,
    result: DeviceDetail,
  }),
  labelDevice: route({
    method: "PATCH",
    path: "/api/v1/devices/:device/labels",
    tag: "devices",
    summary: "Sets labels, or takes them away with null; the device's own labels show where the operator set none",
    role: "operator",
    changes: true,
    params,
    body: Type.Object({
      labels: Type.Record(LabelText, Type.Union([LabelText, Type.Null()]), { maxProperties: LABELS_MAX }),
    }),
    result: Device,
  }),
} as const;
