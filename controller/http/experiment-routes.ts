import { Type, type Static } from "typebox";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { Advice, ExperimentResults } from "../experiments/experiment-shape.ts";
import { ExperimentRequest, ExperimentSpec } from "../experiments/experiment-spec.ts";
import { ReportDocument } from "../reports/document.ts";
import { ReportFormat } from "../reports/render-report.ts";
import { ExperimentState } from "../store/experiment-state.ts";
import { RolloutState } from "../store/rollout-state.ts";
import { RolloutCounts } from "./rollout-routes.ts";
import { route } from "./route.ts";

export const Experiment = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  model: ModelName,
  /** A: what its devices served when it began. */
  former: ModelVersion,
  /** B. */
  candidate: ModelVersion,
  /** Of the requests, that B answers. */
  share: Type.Number(),
  selector: Type.String(),
  author: Type.String(),
  state: ExperimentState,
  createdMs: Type.Number(),
  /** When it ends by itself. */
  endsMs: Type.Number(),
  endedMs: Type.Union([Type.Number(), Type.Null()]),
  endedBy: Type.Union([Type.String(), Type.Null()]),
  /** Why it ended, in a sentence. */
  why: Type.Union([Type.String(), Type.Null()]),
  /** The rollout that splits its traffic, and the one that brought B to its devices. */
  rollout: Type.Integer(),
  promotion: Type.Union([Type.Integer(), Type.Null()]),
});
export type Experiment = Static<typeof Experiment>;

export const ExperimentDetail = Type.Object({
  experiment: Experiment,
  spec: ExperimentSpec,
  /** Of its rollout; null where that is deleted. */
  rollout: Type.Union([Type.Object({ state: RolloutState, counts: RolloutCounts }), Type.Null()]),
  /** Devices that do not split, and why; at most 20. */
  troubled: Type.Array(Type.Object({ device: DeviceId, why: Type.String() })),
  results: ExperimentResults,
});
export type ExperimentDetail = Static<typeof ExperimentDetail>;

/** By its number or its name; of several of one name the newest. */
const params = Type.Object({ experiment: Type.String({ pattern: "^[a-z0-9][a-z0-9.-]{0,49}$" }) });

/** Who takes part. */
const Participants = Type.Object({
  former: ModelVersion,
  devices: Type.Array(DeviceId),
  /** Those that match and take no part. */
  leftOut: Type.Array(Type.Object({ device: DeviceId, why: Type.String() })),
});

export const EXPERIMENT_ROUTES = {
  planExperiment: route({
    method: "POST",
    path: "/api/v1/experiments/plan",
    tag: "experiments",
    summary: "Which devices would take part in an experiment, and against which version; nothing happens",
    role: "viewer",
    body: ExperimentRequest,
    result: Type.Object({ spec: ExperimentSpec, participants: Participants }),
  }),
  createExperiment: route({
    method: "POST",
    path: "/api/v1/experiments",
    tag: "experiments",
    summary: "Splits the traffic of devices between the version that they serve (A) and another (B), and compares both",
    role: "operator",
    changes: true,
    body: ExperimentRequest,
    result: Type.Object({ experiment: Experiment, participants: Participants }),
  }),
  listExperiments: route({
    method: "GET",
    path: "/api/v1/experiments",
    tag: "experiments",
    summary: "The newest experiments first, with their verdicts",
    role: "viewer",
    query: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }) }),
    result: Type.Object({
      experiments: Type.Array(Type.Intersect([Experiment, Type.Object({ advice: Advice, verdict: Type.String() })])),
    }),
  }),
  getExperiment: route({
    method: "GET",
    path: "/api/v1/experiments/:experiment",
    tag: "experiments",
    summary: "One experiment: its verdict, every metric with its interval, and where its devices stand",
    role: "viewer",
    params,
    result: ExperimentDetail,
  }),
  experimentReport: route({
    method: "GET",
    path: "/api/v1/experiments/:experiment/report",
    tag: "experiments",
    summary: "One experiment as a report without a format: verdict, what to do next, intervals, who got which requests",
    role: "viewer",
    params,
    result: ReportDocument,
  }),
  experimentReportFile: route({
    method: "GET",
    path: "/api/v1/experiments/:experiment/report/file",
    tag: "experiments",
    summary: "The same as one file of HTML, Markdown, CSV, JSON or plain text",
    role: "viewer",
    params,
    query: Type.Object({ format: Type.Optional(ReportFormat) }),
    result: "file",
  }),
  stopExperiment: route({
    method: "POST",
    path: "/api/v1/experiments/:experiment/stop",
    tag: "experiments",
    summary:
      "Ends it: its devices go back to A, or an ordinary rollout brings B to them; one that has ended stays as it is",
    role: "operator",
    changes: true,
    params,
    body: Type.Object({ promote: Type.Boolean() }, { additionalProperties: false }),
    result: Type.Object({ experiment: Experiment, hasEnded: Type.Boolean(), text: Type.String() }),
  }),
} as const;
