/** One model over the whole fleet as a report: its versions, what they do where, drift, truth, rollouts. Pure. */
import type { VersionAccuracy } from "../accuracy/accuracy-shape.ts";
import type { DriftPicture } from "../drift/read-drift.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { CatalogueEntry } from "../store/catalogue.ts";
import { accuracyBlocks } from "./accuracy-blocks.ts";
import { countCell, grouped, instantCell, textCell } from "./cells.ts";
import { classBlocks, failingDeviceFindings } from "./class-blocks.ts";
import { DOCUMENT_VERSION, type ReportBlock, type ReportDocument } from "./document.ts";
import { driftChart, driftFindings, driftTable } from "./drift-blocks.ts";
import { bySeverity, modelFindings } from "./findings.ts";
import { inferenceSection, rolloutsSection } from "./fleet-sections.ts";
import { trendBlocks } from "./history-sections.ts";
import type { ClassInference } from "./read-class-inference.ts";
import type { TrendSeries } from "./read-latency-trend.ts";
import type { FleetReport } from "./report-shape.ts";
import { verdictOf } from "./verdict.ts";

/** Nothing of other models, but for the devices, which are all. */
export interface ReportedModel extends Pick<FleetReport, "models" | "rollouts" | "inference"> {
  readonly model: string;
  readonly atMs: number;
  readonly windowMs: number;
  readonly devices: readonly DeviceView[];
  /** Every version in the catalogue, the newest push first. */
  readonly bundles: readonly CatalogueEntry[];
  readonly trend: readonly TrendSeries[];
  readonly classes: readonly ClassInference[];
  readonly drift: readonly DriftPicture[];
  readonly accuracy: readonly VersionAccuracy[];
}

/** What changed the most; the report about drift draws more. */
const HISTOGRAMS_MAX = 2;
const BUNDLES_MAX = 20;

export function modelDocument(reported: ReportedModel): ReportDocument {
  const { model, atMs, windowMs, devices, rollouts, inference, trend, classes, drift, accuracy } = reported;
  const window = { fromMs: atMs - windowMs, toMs: atMs };
  const verdicts = drift.map(({ verdict }) => verdict);
  const findings = bySeverity([
    ...failingDeviceFindings(classes),
    ...modelFindings(reported, devices),
    ...driftFindings(verdicts),
    ...(accuracy.length > 0 ? [] : [noTruth(model, inference)].flat()),
  ]);
  const drawn = drift.filter(({ verdict, bins }) => verdict.isDrifting && bins.length > 0).slice(0, HISTOGRAMS_MAX);
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "model",
    subject: model,
    title: `Model ${model}`,
    atMs,
    fromMs: window.fromMs,
    verdict: verdictOf(findings, fineText(reported)),
    findings,
    sections: [
      { title: "Versions", blocks: [versionFigures(reported), versionsTable(reported)] },
      inferenceSection({ inference }),
      { title: "Trends", blocks: [...trendBlocks(trend, window), ...classBlocks(classes, window)] },
      { title: "Drift", blocks: verdicts.length === 0 ? [] : [driftTable(verdicts), ...drawn.map(driftChart)] },
      { title: "By the truth that came", blocks: accuracyBlocks(accuracy) },
      rolloutsSection({ rollouts }),
    ].filter(({ blocks }) => blocks.length > 0),
  };
}

function fineText({ model, models, inference }: ReportedModel): string {
  const serving = servingOf(models);
  const requests = inference.reduce((sum, one) => sum + one.requests, 0);
  const who = `${serving} ${serving === 1 ? "device serves" : "devices serve"} ${model}`;
  return `${who}, ${grouped(requests)} ${requests === 1 ? "request" : "requests"} in this time, and nothing needs a person.`;
}

function servingOf(models: ReportedModel["models"]): number {
  return models.flatMap(({ versions }) => versions).reduce((sum, version) => sum + version.devices, 0);
}

function noTruth(model: string, inference: ReportedModel["inference"]): ReportDocument["findings"] {
  if (inference.every(({ requests }) => requests === 0)) return [];
  return [
    {
      severity: "note",
      text: `Whether ${model} is right is not known: no truth came in this time`,
      devices: [],
      next: "Tell it where it is found out later: `ferry feedback --help`; a hundred labels a version are a beginning.",
    },
  ];
}

function versionFigures({ models, bundles }: ReportedModel): ReportBlock {
  const missing = models.reduce((sum, one) => sum + one.missing, 0);
  return {
    kind: "figures",
    figures: [
      { label: "Devices that serve it", value: grouped(servingOf(models)) },
      { label: "Without it, although wished", value: grouped(missing), tone: missing === 0 ? "good" : "warning" },
      { label: "Versions in the catalogue", value: grouped(bundles.length) },
    ],
  };
}

function versionsTable({ models, bundles }: ReportedModel): ReportBlock {
  const served = models.flatMap(({ versions }) => versions);
  const shown = bundles.slice(0, BUNDLES_MAX);
  const others = served.filter(({ statement }) => !bundles.some((bundle) => bundle.statement === statement));
  return {
    kind: "table",
    title: "Versions",
    columns: [
      { title: "Version" },
      { title: "Devices", align: "right" },
      { title: "Pushed", unit: "UTC" },
      { title: "Size", unit: "B", align: "right" },
      { title: "Reference for drift" },
    ],
    rows: [
      ...shown.map(({ statement, model, archive, pushedMs }) => [
        textCell(model.version),
        countCell(served.find((one) => one.statement === statement)?.devices ?? 0),
        instantCell(pushedMs),
        { text: `${grouped(Math.ceil(archive.length / 1_000))} kB`, value: archive.length },
        textCell(model.baseline === undefined ? "its first examples" : "baseline in the bundle"),
      ]),
      ...others.map(({ version, devices }) => [
        textCell(version),
        countCell(devices),
        textCell("not in the catalogue", "warning"),
        textCell("–"),
        textCell("–"),
      ]),
    ],
    leftOut: bundles.length - shown.length,
    whenEmpty: "No version is in the catalogue.",
  };
}
