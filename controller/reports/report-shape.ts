/** The shape of the fleet health report: what the API answers and `ferry report fleet` shows. */
import { Type, type Static } from "typebox";
import { RolloutState } from "../store/rollout-state.ts";
import { DeviceId, FleetId, ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";

/** Devices named in one list; the count beside it is of all. */
export const DEVICES_NAMED_MAX = 100;

const Named = Type.Object({ device: DeviceId, text: Type.String() });

export const ModelVersionSpread = Type.Object({
  model: ModelName,
  versions: Type.Array(Type.Object({ version: ModelVersion, statement: StatementDigest, devices: Type.Integer() })),
  /** Devices that serve nothing under the name, although they are to. */
  missing: Type.Integer(),
});

export const RolloutSummary = Type.Object({
  id: Type.Integer(),
  model: ModelName,
  version: ModelVersion,
  state: RolloutState,
  createdMs: Type.Number(),
  devices: Type.Integer(),
  /** Devices whose own signed report shows the bundle loaded and answering. */
  proven: Type.Integer(),
  failed: Type.Integer(),
  /** Not done, each with why. */
  open: Type.Array(Named, { maxItems: DEVICES_NAMED_MAX }),
});

export const InferenceSummary = Type.Object({
  slot: Type.String(),
  version: Type.String(),
  devices: Type.Integer(),
  requests: Type.Integer(),
  failed: Type.Integer(),
  errorRate: Type.Number(),
  crashes: Type.Integer(),
  /** Milliseconds in the model; absent without answers. */
  latencyP50Ms: Type.Optional(Type.Number()),
  latencyP95Ms: Type.Optional(Type.Number()),
  /** Predicted classes of which the truth came, and the share that was right; absent where none came. */
  judged: Type.Optional(Type.Integer()),
  accuracy: Type.Optional(Type.Number()),
  /** Mean absolute error of predicted values, in the output's unit; absent where no truth came. */
  mae: Type.Optional(Type.Number()),
});
export type InferenceSummary = Static<typeof InferenceSummary>;

/** Records of all streams: produced = received + declared + outstanding + missing. */
export const TelemetrySummary = Type.Object({
  streams: Type.Integer(),
  produced: Type.Integer(),
  received: Type.Integer(),
  /** Declared missing, by the devices or by this controller. */
  declared: Type.Integer(),
  /** Of `declared`, what is no loss: devices told it less finely, added up in other records. Absent: 0. */
  rolledUp: Type.Optional(Type.Integer()),
  /** On the devices, or on their way. */
  outstanding: Type.Integer(),
  /** Neither here nor declared: 0 where nothing went wrong. */
  missing: Type.Integer(),
  /** Streams of which a device lost an outbox and cannot tell how much was in it. */
  lossUnknown: Type.Integer(),
});
export type TelemetrySummary = Static<typeof TelemetrySummary>;

export const Finding = Type.Object({
  severity: Type.Union([Type.Literal("critical"), Type.Literal("warning"), Type.Literal("note")]),
  text: Type.String(),
  devices: Type.Array(DeviceId, { maxItems: DEVICES_NAMED_MAX }),
  /** What to do next: a command or a step. */
  next: Type.String(),
});
export type Finding = Static<typeof Finding>;

export const FleetReport = Type.Object({
  fleet: FleetId,
  atMs: Type.Number(),
  /** Latency and errors are of this long before `atMs`. */
  windowMs: Type.Number(),
  availability: Type.Object({
    devices: Type.Integer(),
    online: Type.Integer(),
    /** Online ones among all; 1 for an empty fleet. */
    share: Type.Number(),
    offline: Type.Array(Named, { maxItems: DEVICES_NAMED_MAX }),
  }),
  models: Type.Array(ModelVersionSpread),
  rollouts: Type.Array(RolloutSummary),
  inference: Type.Array(InferenceSummary),
  telemetry: TelemetrySummary,
  findings: Type.Array(Finding),
});
export type FleetReport = Static<typeof FleetReport>;
