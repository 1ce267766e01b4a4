import { Type } from "typebox";
import { ReportDocument, ReportKind } from "../reports/document.ts";
import { ReportFormat } from "../reports/render-report.ts";
import { FleetReport } from "../reports/report-shape.ts";
import { route } from "./route.ts";

/** A day by default: a whole turn of what depends on people and light. */
const WINDOW_SECONDS = 86_400;
/** An hour by default: long enough for every device's minute, short enough to show the present. */
const FLEET_WINDOW_SECONDS = 3_600;
/** Raw, by the minute or by the hour: a month is there in some form. */
const WINDOW_SECONDS_MAX = 2_678_400;

const params = Type.Object({ kind: ReportKind });
const query = {
  /** A model's name, a device's id, a rollout's number, an experiment's name; of drift a model or nothing; of a fleet nothing. */
  subject: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** Looked back on; rollouts and experiments are told from their beginning. */
  windowSeconds: Type.Integer({ minimum: 60, maximum: WINDOW_SECONDS_MAX, default: WINDOW_SECONDS }),
};

export const REPORT_ROUTES = {
  fleetReport: route({
    method: "GET",
    path: "/api/v1/reports/fleet",
    tag: "reports",
    summary:
      "The fleet's health: availability, versions, rollouts with evidence, latency, errors, telemetry, what to do next",
    role: "viewer",
    query: Type.Object({
      windowSeconds: Type.Integer({ minimum: 60, maximum: WINDOW_SECONDS_MAX, default: FLEET_WINDOW_SECONDS }),
    }),
    result: FleetReport,
  }),
  reportDocument: route({
    method: "GET",
    path: "/api/v1/reports/:kind/document",
    tag: "reports",
    summary: "A report without a format: verdict, findings with what to do next, sections of tables and charts",
    role: "viewer",
    params,
    query: Type.Object(query),
    result: ReportDocument,
  }),
  reportFile: route({
    method: "GET",
    path: "/api/v1/reports/:kind/file",
    tag: "reports",
    summary:
      "A report as one file of HTML, Markdown, CSV, JSON or plain text, by `format` or else by the header `Accept`",
    role: "viewer",
    params,
    query: Type.Object({ ...query, format: Type.Optional(ReportFormat) }),
    result: "file",
  }),
} as const;
