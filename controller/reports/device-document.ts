/** One device as a report: is it there, does it serve what it is to serve, how is it, what did it lose. Pure. */
import type { DriftVerdict } from "../drift/drift-shape.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { DeviceRolloutRow } from "../rollout/rollouts.ts";
import type { TelemetryProblem } from "../telemetry/problems.ts";
import type { AnomalyVerdict } from "../drift/anomaly-shape.ts";
import { anomalyBlocks, anomalyFindings } from "./anomaly-blocks.ts";
import { countCell, grouped, instantCell, instantText, latencyCell, spanText, textCell } from "./cells.ts";
import { DOCUMENT_VERSION, type ReportBlock, type ReportDocument } from "./document.ts";
import { driftFindings, driftTable } from "./drift-blocks.ts";
import { bySeverity, deviceFindings } from "./findings.ts";
import type { DeviceGaps } from "./fleet-history.ts";
import { inferenceSection, telemetrySection } from "./fleet-sections.ts";
import { healthBlocks, healthFindings } from "./health-blocks.ts";
import { certificatesSection, gapsBlock, historyFindings, presenceBlocks, trendBlocks } from "./history-sections.ts";
import type { DevicePresence } from "./presence-spans.ts";
import { problemFindings, problemsBlocks } from "./problem-blocks.ts";
import { hardwareClassOf } from "./read-class-inference.ts";
import type { HealthPoint } from "./read-health-series.ts";
import type { TrendSeries } from "./read-latency-trend.ts";
import type { Finding, InferenceSummary, TelemetrySummary } from "./report-shape.ts";
import { verdictOf } from "./verdict.ts";

export interface ReportedDevice {
  readonly atMs: number;
  readonly windowMs: number;
  readonly device: DeviceView;
  readonly presence: readonly DevicePresence[];
  readonly health: readonly HealthPoint[];
  readonly inference: readonly InferenceSummary[];
  readonly trend: readonly TrendSeries[];
  readonly drift: readonly DriftVerdict[];
  readonly anomalies: readonly AnomalyVerdict[];
  readonly telemetry: TelemetrySummary;
  readonly gaps: readonly DeviceGaps[];
  readonly problems: readonly TelemetryProblem[];
  /** Its own, where it ends soon. */
  readonly certificates: readonly { readonly device: DeviceView["id"]; readonly expiresMs: number }[];
  /** The newest rollout of each model that has it. */
  readonly rollouts: readonly DeviceRolloutRow[];
  /** The newest first. */
  readonly events: readonly { readonly atMs: number; readonly text: string }[];
}

export function deviceDocument(reported: ReportedDevice): ReportDocument {
  const { atMs, windowMs, device, health, inference, trend, drift, anomalies, telemetry, problems, rollouts, events } =
    reported;
  const window = { fromMs: atMs - windowMs, toMs: atMs };
  const findings = bySeverity([
    ...deviceFindings(device, inference, failedOf(rollouts)),
    ...rolloutFindings(device, rollouts),
    ...healthFindings(device.id, health),
    ...driftFindings(drift),
    ...anomalyFindings(anomalies),
    ...historyFindings(reported, atMs),
    ...problemFindings(problems),
  ]);
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "device",
    subject: device.id,
    title: `Device ${device.id}`,
    atMs,
    fromMs: window.fromMs,
    verdict: verdictOf(findings, fineText(reported)),
    findings,
    sections: [
      { title: "The device", blocks: [deviceFigures(device, atMs), ...presenceBlocks(reported, window)] },
      { title: "Models", blocks: [slotsTable(device)] },
      { title: "Health", blocks: healthBlocks(health, window) },
      { ...inferenceSection({ inference }) },
      { title: "Trends", blocks: trendBlocks(trend, window) },
      { title: "Drift", blocks: [...(drift.length === 0 ? [] : [driftTable(drift)]), ...anomalyBlocks(anomalies)] },
      {
        title: "Telemetry",
        blocks: [...telemetrySection({ telemetry }).blocks, gapsBlock(reported), ...problemsBlocks(problems)],
      },
      { title: "Rollouts", blocks: [rolloutsTable(rollouts)] },
      certificatesSection(reported, atMs),
      { title: "What happened last", blocks: [eventsTable(events)] },
    ].filter(({ blocks }) => blocks.length > 0),
  };
}

function fineText({ device, inference }: ReportedDevice): string {
  const requests = inference.reduce((sum, one) => sum + one.requests, 0);
  const models = (device.report?.slots ?? []).flatMap(({ active }) =>
    active === undefined ? [] : [`${active.model}@${active.version}`],
  );
  const what = models.length === 0 ? "serves no model and is to serve none" : `serves ${models.join(", ")}`;
  return `${device.id} is online and ${what}; ${grouped(requests)} ${requests === 1 ? "request" : "requests"} in this time, and nothing needs a person.`;
}

function deviceFigures(device: DeviceView, atMs: number): ReportBlock {
  const { info, online, onlineSinceMs, lastHeardMs, labels } = device;
  const labelled = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return {
    kind: "figures",
    figures: [
      {
        label: online ? "Online for" : "Away for",
        value: spanText(atMs - onlineSinceMs),
        note: `heard ${spanText(atMs - lastHeardMs)} ago`,
        tone: online ? "good" : "warning",
      },
      {
        label: "Hardware",
        value: hardwareClassOf(device) ?? "not told",
        ...(info === undefined
          ? {}
          : { note: `${info.hardware.model}, ${info.hardware.cpuCount} × ${info.hardware.cpuModel}` }),
      },
      { label: "Agent", value: info?.agentVersion ?? "not told" },
      { label: "Labels", value: labelled.join(", ") || "none" },
    ],
  };
}

function slotsTable({ deployment, report }: DeviceView): ReportBlock {
  const names = [...new Set([...(deployment?.slots ?? []), ...(report?.slots ?? [])].map(({ slot }) => slot))].sort();
  return {
    kind: "table",
    title: "Models",
    columns: [
      { title: "Model" },
      { title: "To serve" },
      { title: "Serves" },
      { title: "Phase" },
      { title: "Golden set" },
      { title: "p95 when it was qualified", unit: "ms", align: "right" },
      { title: "Computed by" },
    ],
    rows: names.map((name) => {
      const slot = report?.slots.find((one) => one.slot === name);
      const wish = deployment?.slots.find((one) => one.slot === name);
      const evidence = slot?.active?.evidence;
      return [
        textCell(name),
        textCell(wish?.version ?? "–"),
        textCell(
          slot?.active?.version ?? "nothing",
          slot?.active === undefined && wish !== undefined ? "warning" : undefined,
        ),
        textCell(
          slot?.phase ?? "–",
          slot?.phase === "failed" || slot?.phase === "rolled-back" ? "critical" : undefined,
        ),
        textCell(evidence === undefined ? "–" : `${evidence.goldenPassed}/${evidence.goldenCases}`),
        latencyCell(evidence?.latencyP95Ms),
        textCell(evidence?.provider ?? "–"),
      ];
    }),
    whenEmpty: "It serves no model and is to serve none.",
  };
}

/** Slots whose refusal a rollout tells. */
function failedOf(rollouts: readonly DeviceRolloutRow[]): readonly string[] {
  return rollouts.filter(({ state }) => state === "failed").map(({ name }) => name);
}

function rolloutFindings(device: DeviceView, rollouts: readonly DeviceRolloutRow[]): Finding[] {
  return rollouts
    .filter(({ state }) => state === "failed")
    .map(({ rollout, name, version, why }) => ({
      severity: "critical",
      text: `Rollout ${rollout} of ${name}@${version} failed on ${device.id}${why === null ? "" : `: ${why}`}`,
      devices: [device.id],
      next: `Mend the cause, then \`ferry rollout retry ${rollout} --device ${device.id}\`; until then it serves what it had.`,
    }));
}

function rolloutsTable(rollouts: readonly DeviceRolloutRow[]): ReportBlock {
  return {
    kind: "table",
    title: "Rollouts",
    columns: [
      { title: "Rollout" },
      { title: "Bundle" },
      { title: "State" },
      { title: "Since", unit: "UTC" },
      { title: "Tries", align: "right" },
      { title: "Why" },
    ],
    rows: rollouts.map(({ rollout, name, version, state, since_ms, tries, why }) => [
      textCell(String(rollout)),
      textCell(`${name}@${version}`),
      textCell(state, state === "failed" ? "critical" : state === "done" ? "good" : undefined),
      instantCell(since_ms),
      countCell(tries + 1),
      textCell(why ?? "–"),
    ]),
    whenEmpty: "No rollout has had it.",
  };
}

function eventsTable(events: ReportedDevice["events"]): ReportBlock {
  return {
    kind: "table",
    title: "Events",
    columns: [{ title: "When", unit: "UTC" }, { title: "What" }],
    rows: events.map(({ atMs, text }) => [textCell(instantText(atMs)), textCell(text)]),
    whenEmpty: "Nothing was told of it.",
  };
}
