import { Type, type Static } from "typebox";
import { DeviceId, ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { GateResult } from "../rollout/gate-result.ts";
import { RolloutRequest, RolloutSpec } from "../rollout/rollout-spec.ts";
import { RolloutDeviceState, RolloutState, StagePhase } from "../store/rollout-state.ts";
import { route } from "./route.ts";

/** Devices in each state. */
export const RolloutCounts = Type.Object({
  waiting: Type.Integer(),
  deploying: Type.Integer(),
  done: Type.Integer(),
  failed: Type.Integer(),
  superseded: Type.Integer(),
  reverting: Type.Integer(),
  reverted: Type.Integer(),
});
export type RolloutCounts = Static<typeof RolloutCounts>;

export const Rollout = Type.Object({
  id: Type.Integer(),
  model: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  selector: Type.String(),
  /** What a person calls it. */
  name: Type.Union([Type.String(), Type.Null()]),
  /** Who began it. */
  author: Type.Union([Type.String(), Type.Null()]),
  state: RolloutState,
  /** Why it is in that state, where the state does not say it all. */
  why: Type.Union([Type.String(), Type.Null()]),
  /** Counted from 0. */
  stage: Type.Integer(),
  stages: Type.Integer(),
  phase: StagePhase,
  /** When the stage came into its phase. */
  phaseSinceMs: Type.Number(),
  priority: Type.Integer(),
  createdMs: Type.Number(),
  finishedMs: Type.Union([Type.Number(), Type.Null()]),
  counts: RolloutCounts,
});
export type Rollout = Static<typeof Rollout>;

/** What one device will need, from what it and the fleet needed before. */
export const ForecastShape = Type.Object({
  /** Of the archive, over its link: 0 where it holds the bundle. */
  bytes: Type.Integer(),
  /** From the signed deployment to the signed evidence; null where nothing like it was seen. */
  ms: Type.Union([Type.Number(), Type.Null()]),
  basis: Type.Union([Type.Literal("held"), Type.Literal("device"), Type.Literal("fleet"), Type.Literal("none")]),
});

export const RolloutMember = Type.Object({
  device: DeviceId,
  state: RolloutDeviceState,
  /** The stage that took it, counted from 0; null until then. */
  stage: Type.Union([Type.Integer(), Type.Null()]),
  /** Further tries after the first. */
  tries: Type.Integer(),
  /** When it came into this state. */
  sinceMs: Type.Number(),
  /** Why it is not done, in a sentence; null when it is. */
  why: Type.Union([Type.String(), Type.Null()]),
  online: Type.Boolean(),
  /** From its newest signed report: what it serves under the model's name, and the measurements that prove it. */
  serves: Type.Optional(ModelVersion),
  phase: Type.Optional(Type.String()),
  /** What the plan foretold. */
  forecast: Type.Optional(ForecastShape),
  /** What it took, once it was done: from the deployment to the evidence. */
  tookMs: Type.Optional(Type.Number()),
  evidence: Type.Optional(
    Type.Object({
      golden: Type.String(),
      latencyP95Ms: Type.Number(),
      memoryBytes: Type.Number(),
      provider: Type.String(),
    }),
  ),
});
export type RolloutMember = Static<typeof RolloutMember>;

export const StageSummary = Type.Object({
  name: Type.String(),
  /** Devices that it took so far, and what became of them. */
  taken: Type.Integer(),
  done: Type.Integer(),
  failed: Type.Integer(),
  soakMs: Type.Integer(),
  approval: Type.Union([
    Type.Object({ kind: Type.Literal("none") }),
    Type.Object({ kind: Type.Literal("required") }),
    Type.Object({ kind: Type.Literal("given"), by: Type.String(), atMs: Type.Number() }),
  ]),
});
export type StageSummary = Static<typeof StageSummary>;

export const RolloutDetail = Type.Object({
  rollout: Rollout,
  spec: RolloutSpec,
  /** The versions that its devices had before it. */
  from: Type.Array(ModelVersion),
  stages: Type.Array(StageSummary),
  /** Of the present stage, when they were read last; null before that. */
  gates: Type.Union([Type.Object({ atMs: Type.Number(), results: Type.Array(GateResult) }), Type.Null()]),
  /** Null where it has none. */
  window: Type.Union([
    Type.Object({ open: Type.Boolean(), opensAtMs: Type.Union([Type.Number(), Type.Null()]) }),
    Type.Null(),
  ]),
  /** Of all its devices, those that are offline now. */
  offline: Type.Integer(),
  /** As many as were asked for: what needs a person first. `rollout.counts` counts all. */
  devices: Type.Array(RolloutMember),
});
export type RolloutDetail = Static<typeof RolloutDetail>;

const PlannedDevice = Type.Object({
  device: DeviceId,
  online: Type.Boolean(),
  from: Type.Union([ModelVersion, Type.Null()]),
  action: Type.Union([Type.Literal("install"), Type.Literal("replace"), Type.Literal("same"), Type.Literal("cannot")]),
  obstacles: Type.Array(Type.Object({ code: Type.String(), text: Type.String() })),
  /** What someone should know, and what stops nothing. */
  notes: Type.Array(Type.String()),
  /** The execution provider that it will try first. */
  provider: Type.Optional(Type.String()),
  /** Absent where it cannot take the bundle. */
  forecast: Type.Optional(ForecastShape),
  /** The stage that will take it, as things stand; null for a device that is away. */
  stage: Type.Union([Type.String(), Type.Null()]),
});

/** When a stage will begin and be over, as far as anybody can tell. */
const PlannedStage = Type.Object({
  name: Type.String(),
  devices: Type.Integer(),
  /** It takes by selector, and no device of the rollout matches, not even one that is away. */
  matchesNobody: Type.Boolean(),
  startMs: Type.Number(),
  /** Its last device has committed. */
  deployedMs: Type.Number(),
  /** Its soak is over. */
  finishMs: Type.Number(),
  /** The times count from the moment at which somebody approves. */
  needsApproval: Type.Boolean(),
  /** Devices of which nobody can tell how long they take; the times leave them out. */
  unknownDevices: Type.Integer(),
});

/** Another rollout of the model that is under way and wants some of the same devices. */
const RivalShape = Type.Object({
  rollout: Type.Integer(),
  version: ModelVersion,
  state: RolloutState,
  priority: Type.Integer(),
  devices: Type.Integer(),
  /** True where its priority is higher: it keeps them. */
  keeps: Type.Boolean(),
});

export const Plan = Type.Object({
  model: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  archiveBytes: Type.Integer(),
  /** How the version gets its traffic while devices soak, as people write it; absent: it replaces the former one. */
  mode: Type.Optional(Type.String()),
  devices: Type.Array(PlannedDevice),
  /** Where callers of the present version would break: the inputs and outputs compared, as lines of a diff. */
  interfaceChanges: Type.Array(Type.Object({ from: ModelVersion, lines: Type.Array(Type.String()) })),
  stages: Type.Array(PlannedStage),
  rivals: Type.Array(RivalShape),
});
export type Plan = Static<typeof Plan>;

export const RolloutEvent = Type.Object({ atMs: Type.Number(), kind: Type.String(), text: Type.String() });
export type RolloutEvent = Static<typeof RolloutEvent>;

/** In one answer: 200,000 devices are 60 MB of JSON, more than any rollout has been seen to need. */
export const ROLLOUT_DEVICES_MAX = 200_000;

const params = Type.Object({ id: Type.Integer({ minimum: 1 }) });

export const ROLLOUT_ROUTES = {
  planRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/plan",
    tag: "rollouts",
    summary: "What a rollout would do to each device; nothing happens",
    role: "viewer",
    body: RolloutRequest,
    result: Plan,
  }),
  createRollout: route({
    method: "POST",
    path: "/api/v1/rollouts",
    tag: "rollouts",
    summary: "Begins a rollout to the devices that can take the bundle",
    role: "operator",
    changes: true,
    body: RolloutRequest,
    result: Type.Object({ rollout: Rollout, plan: Plan }),
  }),
  listRollouts: route({
    method: "GET",
    path: "/api/v1/rollouts",
    tag: "rollouts",
    summary: "The newest rollouts first",
    role: "viewer",
    query: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }) }),
    result: Type.Object({ rollouts: Type.Array(Rollout) }),
  }),
  getRollout: route({
    method: "GET",
    path: "/api/v1/rollouts/:id",
    tag: "rollouts",
    summary: "One rollout, and its devices' places in it: what needs a person first",
    role: "viewer",
    params,
    query: Type.Object({ devices: Type.Integer({ minimum: 0, maximum: ROLLOUT_DEVICES_MAX, default: 200 }) }),
    result: RolloutDetail,
  }),
  rolloutHistory: route({
    method: "GET",
    path: "/api/v1/rollouts/:id/history",
    tag: "rollouts",
    summary: "What happened in a rollout and who did it, oldest first",
    role: "viewer",
    params,
    query: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 200 }) }),
    result: Type.Object({ events: Type.Array(RolloutEvent) }),
  }),
} as const;
