/** The parts of a report that say how things stand: who is there, what runs, what was rolled out, what was asked. Pure. */
import {
  countCell,
  grouped,
  instantCell,
  latencyCell,
  latencyText,
  percentText,
  shareCell,
  textCell,
} from "./cells.ts";
import type { ReportBlock, ReportSection } from "./document.ts";
import type { FleetReport, InferenceSummary } from "./report-shape.ts";

export function availabilitySection({ availability }: FleetReport): ReportSection {
  const { devices, online, share, offline } = availability;
  const figures: ReportBlock = {
    kind: "figures",
    figures: [
      { label: "Devices", value: grouped(devices) },
      {
        label: "Online now",
        value: grouped(online),
        note: percentText(share),
        tone: online === devices ? "good" : "warning",
      },
    ],
  };
  const table: ReportBlock = {
    kind: "table",
    title: "Devices that are away",
    columns: [{ title: "Device" }, { title: "Since" }],
    rows: offline.map(({ device, text }) => [textCell(device), textCell(text)]),
    leftOut: Math.max(0, devices - online - offline.length),
    whenEmpty: "Every device is online.",
  };
  return { title: "Availability", blocks: [figures, table] };
}

export function modelsSection({ models }: Pick<FleetReport, "models">): ReportSection {
  const rows = models.flatMap(({ model, versions, missing }) => {
    const devices = missing + versions.reduce((sum, version) => sum + version.devices, 0);
    const row = (version: string, count: number, isMissing: boolean) => [
      textCell(model),
      textCell(version, isMissing ? "warning" : undefined),
      countCell(count),
      shareCell(devices === 0 ? 0 : count / devices),
    ];
    return [
      ...versions.map((version) => row(version.version, version.devices, false)),
      ...(missing === 0 ? [] : [row("none, although wished", missing, true)]),
    ];
  });
  const table: ReportBlock = {
    kind: "table",
    title: "Models",
    columns: [
      { title: "Model" },
      { title: "Version" },
      { title: "Devices", align: "right" },
      { title: "Share", unit: "ratio", align: "right" },
    ],
    rows,
    whenEmpty: "No device serves a model. The first one: `ferry deploy model.onnx`",
  };
  return { title: "Models", blocks: [table] };
}

export function rolloutsSection({ rollouts }: Pick<FleetReport, "rollouts">): ReportSection {
  const rows = rollouts.map(({ id, model, version, state, createdMs, devices, proven, failed, open }) => [
    textCell(String(id)),
    textCell(`${model}@${version}`),
    textCell(state, state === "failed" || state === "rolled-back" ? "critical" : undefined),
    countCell(devices),
    countCell(proven),
    countCell(failed, failed > 0 ? "critical" : undefined),
    textCell(
      open
        .slice(0, OPEN_NAMED_MAX)
        .map(({ device, text }) => `${device}: ${text}`)
        .join("; ") || "–",
    ),
    instantCell(createdMs),
  ]);
  const table: ReportBlock = {
    kind: "table",
    title: "Rollouts, by evidence",
    columns: [
      { title: "Rollout" },
      { title: "Bundle" },
      { title: "State" },
      { title: "Devices", align: "right" },
      { title: "Proven", align: "right" },
      { title: "Failed", align: "right" },
      { title: "Not done" },
      { title: "Begun", unit: "UTC" },
    ],
    rows,
    whenEmpty: "None yet. The first one: `ferry rollout create NAME@VERSION --all`",
  };
  return { title: "Rollouts, by evidence", blocks: [table] };
}

/** Of one rollout in its line; `ferry rollout status` has all. */
const OPEN_NAMED_MAX = 2;

export function inferenceSection({ inference }: { readonly inference: readonly InferenceSummary[] }): ReportSection {
  const hasTruth = inference.some(({ accuracy, mae }) => accuracy !== undefined || mae !== undefined);
  const rows = inference.map((summary) => [
    textCell(`${summary.slot}@${summary.version}`),
    countCell(summary.devices),
    countCell(summary.requests),
    shareCell(summary.errorRate),
    latencyCell(summary.latencyP50Ms),
    latencyCell(summary.latencyP95Ms),
    countCell(summary.crashes, summary.crashes > 0 ? "warning" : undefined),
    ...(hasTruth ? [truthCell(summary)] : []),
  ]);
  const table: ReportBlock = {
    kind: "table",
    title: "Requests",
    columns: [
      { title: "Model" },
      { title: "Devices", align: "right" },
      { title: "Requests", align: "right" },
      { title: "Errors", unit: "ratio", align: "right" },
      { title: "p50", unit: "ms", align: "right" },
      { title: "p95", unit: "ms", align: "right" },
      { title: "Crashes", align: "right" },
      ...(hasTruth ? [{ title: "By its truth" }] : []),
    ],
    rows,
    whenEmpty: "No requests in this time.",
  };
  const charts = inference.length < 2 ? [] : [latencyChart(inference)];
  return { title: "Inference", blocks: [...charts, table] };
}

/** By the feedback that came. */
function truthCell({ accuracy, judged = 0, mae }: InferenceSummary) {
  const parts = [
    ...(accuracy === undefined ? [] : [`${percentText(accuracy)} of ${grouped(judged)} right`]),
    ...(mae === undefined ? [] : [`off by ${mae.toPrecision(3)}`]),
  ];
  return textCell(parts.join(", ") || "–");
}

/** The busiest: as many as fit a chart. */
const CHARTED_MAX = 8;

function latencyChart(inference: readonly InferenceSummary[]): ReportBlock {
  const measured = inference.flatMap(({ slot, version, latencyP50Ms: p50, latencyP95Ms: p95 }) =>
    p50 === undefined || p95 === undefined ? [] : [{ name: `${slot}@${version}`, p50, p95 }],
  );
  const shown = measured.slice(0, CHARTED_MAX);
  return {
    kind: "chart",
    shape: "bars",
    title: "Latency in the model",
    unit: "ms",
    categories: shown.map(({ name }) => name),
    series: [
      { name: "p50", values: shown.map(({ p50 }) => p50) },
      { name: "p95", values: shown.map(({ p95 }) => p95) },
    ],
    alternative: shown
      .map(({ name, p50, p95 }) => `${name}: half within ${latencyText(p50)}, 95 % within ${latencyText(p95)}`)
      .join("; "),
  };
}

export function telemetrySection({ telemetry }: Pick<FleetReport, "telemetry">): ReportSection {
  const { produced, received, declared, rolledUp = 0, outstanding, missing, lossUnknown } = telemetry;
  const row = (what: string, count: number, isBad = false) => [
    textCell(what),
    countCell(count, isBad && count > 0 ? "warning" : undefined),
  ];
  const table: ReportBlock = {
    kind: "table",
    title: "What became of every record",
    columns: [{ title: "Records" }, { title: "Count", align: "right" }],
    rows: [
      row("produced on the devices", produced),
      row("received", received),
      row("told less finely, added up in others", rolledUp),
      row("declared as lost", declared - rolledUp, true),
      row("on their way", outstanding),
      row("missing: neither here nor declared", missing, true),
      row("streams that cannot tell how much was lost", lossUnknown, true),
    ],
    whenEmpty: "",
  };
  return { title: "Telemetry", blocks: [table] };
}
