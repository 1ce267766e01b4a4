/**
 * What a rollout is to do, in the one form that HTTP carries, the database keeps and `decide.ts` reads. Files, flags and short
 * requests are brought into it by `complete-spec.ts`.
 */
import { Type, type Static } from "typebox";
import { ParameterValues } from "../../protocol/bundle/parameters.ts";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";

/** A pipeline that a person reads on one screen. */
export const STAGES_MAX = 20;
/** As many conditions as one can weigh; each is one query over the telemetry of a stage. */
export const GATES_MAX = 20;
/** Of device ids in one request; a larger choice is a selector. */
export const DEVICES_LISTED_MAX = 10_000;
/** A selector is typed by a person and stands in a URL. */
export const SELECTOR_CHARS_MAX = 2_000;
/** One week: longer than any soak, window or wait that a person watches. */
export const SPAN_MS_MAX = 7 * 86_400_000;

const Selector = Type.String({ maxLength: SELECTOR_CHARS_MAX });
/** 0 to 1; `5%` for a person. */
const Share = Type.Number({ minimum: 0, maximum: 1 });
const SpanMs = Type.Integer({ minimum: 0, maximum: SPAN_MS_MAX });

/** What a person calls the rollout: `ferry apply` finds it by this name. */
export const RolloutName = Type.String({ pattern: "^[a-z0-9][a-z0-9.-]{0,62}$" });

/** How many devices the rollout has changed, or is changing, when the stage ends. */
export const StageTake = Type.Union([
  /** Of the rollout's devices, those of earlier stages included; at least `min` of them. */
  Type.Object(
    { kind: Type.Literal("share"), share: Share, min: Type.Integer({ minimum: 0, maximum: 1_000_000 }) },
    { additionalProperties: false },
  ),
  /** Those of earlier stages included. */
  Type.Object(
    { kind: Type.Literal("count"), count: Type.Integer({ minimum: 1, maximum: 1_000_000 }) },
    { additionalProperties: false },
  ),
  /** The rollout's devices that also match this. */
  Type.Object({ kind: Type.Literal("selector"), selector: Selector }, { additionalProperties: false }),
]);
export type StageTake = Static<typeof StageTake>;

export const RolloutStage = Type.Object(
  {
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9 ._%-]{0,62}$" }),
    take: StageTake,
    /** After the stage's devices are done, before its gates give their final word. */
    soakMs: SpanMs,
    /** `required`: someone other than the author approves before this stage begins. */
    approval: Type.Union([Type.Literal("none"), Type.Literal("required")]),
  },
  { additionalProperties: false },
);
export type RolloutStage = Static<typeof RolloutStage>;

/** One condition on a metric of the stage's devices; all limits that it has must hold. `gate-metrics.ts` has the metrics. */
export const Gate = Type.Object(
  {
    metric: Type.String({ minLength: 1, maxLength: 100 }),
    /** In the metric's own unit; shares from 0 to 1. */
    max: Type.Optional(Type.Number()),
    min: Type.Optional(Type.Number()),
    /** Against the version that was replaced, on the same devices. */
    maxRatio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000 })),
    /** The limit is the one that was calibrated with the bundle's own reference data. */
    calibrated: Type.Optional(Type.Literal(true)),
    /** Below this many the gate is inconclusive. */
    minSamples: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  },
  { additionalProperties: false },
);
export type Gate = Static<typeof Gate>;

/** The rollout stops by itself when more than this share of the devices that it changed failed. */
export const AbortCriteria = Type.Object(
  {
    failedShareMax: Share,
    /** Judged only when so many devices are settled: one of two is no 50 %. */
    devicesMin: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    then: Type.Union([Type.Literal("rollback"), Type.Literal("pause")]),
  },
  { additionalProperties: false },
);
export type AbortCriteria = Static<typeof AbortCriteria>;

export const RolloutRate = Type.Object(
  {
    /** Devices begun in any 60 s. */
    perMinute: Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000 }), Type.Null()]),
    /** Devices under way at the same time. */
    concurrent: Type.Union([Type.Integer({ minimum: 1, maximum: 1_000_000 }), Type.Null()]),
  },
  { additionalProperties: false },
);
export type RolloutRate = Static<typeof RolloutRate>;

/** When devices may be begun; what is under way goes on outside it. See `window.ts`. */
export const RolloutWindow = Type.Object(
  {
    /** Five fields (minute, hour, day, month, weekday): when it opens, by the clocks of `timezone`. */
    cron: Type.String({ minLength: 9, maxLength: 200 }),
    durationMs: Type.Integer({ minimum: 60_000, maximum: SPAN_MS_MAX }),
    /** IANA, such as `Europe/Oslo`. */
    timezone: Type.String({ minLength: 1, maxLength: 64 }),
  },
  { additionalProperties: false },
);
export type RolloutWindow = Static<typeof RolloutWindow>;

export const RolloutSpec = Type.Object(
  {
    name: Type.Optional(RolloutName),
    model: ModelName,
    version: ModelVersion,
    /** Exactly one of `selector` (empty: every device) and `devices` is there. */
    selector: Type.Optional(Selector),
    devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: DEVICES_LISTED_MAX })),
    /** Devices that come to match `selector` later are taken too, also when it has completed. */
    follow: Type.Boolean(),
    /** What the version answers while a device watches it; absent: everything, at once (`replace`). */
    mode: Type.Optional(SoakTraffic),
    stages: Type.Array(RolloutStage, { minItems: 1, maxItems: STAGES_MAX }),
    /** They hold at the end of every stage. */
    gates: Type.Array(Gate, { maxItems: GATES_MAX }),
    abort: Type.Union([AbortCriteria, Type.Null()]),
    rate: RolloutRate,
    window: Type.Union([RolloutWindow, Type.Null()]),
    /** How long one deployment may take before it is tried again, or counts as failed. */
    deploymentMsMax: Type.Integer({ minimum: 1_000, maximum: SPAN_MS_MAX }),
    /** How long an inconclusive gate may wait before the rollout pauses and asks. */
    gateMsMax: SpanMs,
    /** Further tries after the first, for each device. */
    retries: Type.Integer({ minimum: 0, maximum: 10 }),
    /** Share of a stage's reachable devices that must be done for the stage to pass. */
    quorum: Share,
    /** Of two rollouts that want the same device for the same model, the higher one has it; the later one when equal. */
    priority: Type.Integer({ minimum: -1_000, maximum: 1_000 }),
    /** How long each device watches the version on real traffic before it commits; without it the device's own setting counts. */
    deviceSoakMs: Type.Optional(SpanMs),
    /** Parameters of the model to set, within the bounds of its `model.json`; without it its defaults are in force. */
    params: Type.Optional(ParameterValues),
    /** The operator knows that callers must change with the model. */
    allowInterfaceChange: Type.Boolean(),
  },
  { additionalProperties: false },
);
export type RolloutSpec = Static<typeof RolloutSpec>;

/** A short request: what it leaves out has a default, which `complete-spec.ts` fills in. */
export const RolloutRequest = Type.Object(
  {
    ...Type.Partial(RolloutSpec).properties,
    model: ModelName,
    version: ModelVersion,
  },
  { additionalProperties: false },
);
export type RolloutRequest = Static<typeof RolloutRequest>;
