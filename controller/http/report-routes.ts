import { Type } from "typebox";
import { ReportDocument } from "../reports/document.ts";
import { ReportFormat } from "../reports/render-report.ts";
import { FleetReport } from "../reports/report-shape.ts";
import { route } from "./route.ts";

/** A day by default: a whole turn of what depends on people and light. */
const WINDOW_SECONDS = 86_400;
/** An hour by default: long enough for every device's minute, short enough to show the present. */
const FLEET_WINDOW_SECONDS = 3_600;

const params = Type.Object({ kind: Type.Literal("fleet") });
const query = {
  windowSeconds: Type.Integer({ minimum: 60, maximum: 2_678_400, default: WINDOW_SECONDS }),
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
      windowSeconds: Type.Integer({ minimum: 60, maximum: 2_678_400, default: FLEET_WINDOW_SECONDS }),
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
    summary: "A report as one file of HTML, Markdown, CSV, JSON or plain text",
    role: "viewer",
    params,
    query: Type.Object({ ...query, format: Type.Optional(ReportFormat) }),
    result: "file",
  }),
} as const;
