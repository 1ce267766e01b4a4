/** The fleet's health as a report: what it rests on stands below what is to be done. */
import { anomalyBlocks, anomalyFindings } from "./anomaly-blocks.ts";
import { classBlocks, failingDeviceFindings } from "./class-blocks.ts";
import { DOCUMENT_VERSION, type ReportBlock, type ReportDocument, type ReportSection } from "./document.ts";
import { driftFindings, driftTable } from "./drift-blocks.ts";
import { bySeverity } from "./findings.ts";
import type { FleetHistory } from "./fleet-history.ts";
import {
  availabilitySection,
  inferenceSection,
  modelsSection,
  rolloutsSection,
  telemetrySection,
} from "./fleet-sections.ts";
import { certificatesSection, gapsBlock, historyFindings, presenceBlocks, trendBlocks } from "./history-sections.ts";
import { problemFindings, problemsBlocks } from "./problem-blocks.ts";
import type { FleetReport } from "./report-shape.ts";
import { unlikeBlocks, unlikeFindings } from "./unlike-blocks.ts";
import { verdictOf } from "./verdict.ts";

export function fleetDocument(report: FleetReport, history: FleetHistory): ReportDocument {
  const { fleet, atMs, windowMs, availability } = report;
  const window = { fromMs: atMs - windowMs, toMs: atMs };
  const findings = bySeverity([
    // Before what its requests do to the figures of the model.
    ...failingDeviceFindings(history.classes),
    ...report.findings,
    ...driftFindings(history.drift),
    ...anomalyFindings(history.anomalies),
    ...unlikeFindings(history.unlike),
    ...historyFindings(history, atMs),
    ...problemFindings(history.problems),
  ]);
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "fleet",
    title: `Fleet ${fleet}`,
    atMs,
    fromMs: atMs - windowMs,
    verdict: verdictOf(findings, fineText(availability)),
    findings,
    sections: [
      withBlocks(availabilitySection(report), presenceBlocks(history, window)),
      modelsSection(report),
      rolloutsSection(report),
      { title: "Trends", blocks: [...trendBlocks(history.trend, window), ...classBlocks(history.classes, window)] },
      inferenceSection(report),
      {
        title: "Drift",
        blocks: [...driftBlocks(history), ...anomalyBlocks(history.anomalies), ...unlikeBlocks(history.unlike)],
      },
      withBlocks(telemetrySection(report), [gapsBlock(history), ...problemsBlocks(history.problems)]),
      certificatesSection(history, atMs),
    ].filter(({ blocks }) => blocks.length > 0),
  };
}

function withBlocks({ title, blocks }: ReportSection, more: readonly ReportBlock[]): ReportSection {
  return { title, blocks: [...blocks, ...more] };
}

/** Those that do not drift are in the report about drift. */
function driftBlocks({ drift }: FleetHistory): ReportBlock[] {
  const drifting = drift.filter(({ isDrifting }) => isDrifting);
  if (drifting.length > 0) return [driftTable(drifting)];
  const steady = drift.filter(({ state }) => state === "steady").length;
  if (drift.length === 0) return [];
  const text = `None of ${drift.length} watched features drifts; ${steady} had examples enough to say so. \`ferry report drift\` has all.`;
  return [{ kind: "paragraph", text }];
}

function fineText({ devices, online }: FleetReport["availability"]): string {
  return `${online} of ${devices} ${devices === 1 ? "device" : "devices"} online, and nothing needs a person.`;
}
