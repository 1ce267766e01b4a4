/** An experiment as a report: the verdict, what to do next, and what both rest on. Pure. */
import { countCell, instantText, percentText, shareCell, spanText, textCell } from "../reports/cells.ts";
import {
  DOCUMENT_VERSION,
  type ReportBlock,
  type ReportCell,
  type ReportDocument,
  type Tone,
} from "../reports/document.ts";
import type { Finding } from "../reports/report-shape.ts";
import type { ExperimentRow } from "../store/tables.ts";
import type { Advice, ExperimentResults, MetricResult, MetricVerdict } from "./experiment-shape.ts";
import type { ExperimentSpec } from "./experiment-spec.ts";
import { figureText, needText } from "./metric-text.ts";

export interface ReportedExperiment {
  readonly row: ExperimentRow;
  readonly spec: ExperimentSpec;
  readonly results: ExperimentResults;
  readonly atMs: number;
}

/** Devices in the table: more are in the JSON of `ferry experiment status`. */
const DEVICES_MAX = 50;

export function experimentDocument({ row, spec, results, atMs }: ReportedExperiment): ReportDocument {
  const { name, model, former, candidate, created_ms: fromMs } = row;
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "experiment",
    subject: name,
    title: `Experiment ${name}`,
    atMs,
    fromMs,
    verdict: { tone: ADVICE_TONES[results.advice], text: results.verdict },
    findings: findingsOf(row, results),
    sections: [
      {
        title: "What was compared",
        blocks: [aboutParagraph(row, spec, atMs), sharesFigures(results, former, candidate)],
      },
      { title: "Metrics", blocks: [metricsTable(results), ...intervalCharts(results)] },
      {
        title: "Who got which requests",
        blocks: [{ kind: "paragraph", text: results.sampleRatio.text }, devicesTable(results)],
      },
      { title: "How sure this is", blocks: [{ kind: "paragraph", text: surenessText(spec, model) }] },
    ],
  };
}

const ADVICE_TONES: Readonly<Record<Advice, Tone>> = {
  promote: "good",
  either: "good",
  keep: "good",
  choose: "warning",
  "go-on": "warning",
  distrust: "critical",
};

function findingsOf(row: ExperimentRow, { advice, metrics, sampleRatio, devices }: ExperimentResults): Finding[] {
  const { name } = row;
  const isOver = row.state !== "running";
  const named = devices.map(({ device }) => device).slice(0, DEVICES_MAX);
  const findings: Finding[] = [];
  const add = (severity: Finding["severity"], text: string, next: string) => {
    findings.push({ severity, text, devices: severity === "note" ? [] : named, next });
  };
  if (advice === "distrust") {
    add("critical", sampleRatio.text, `Find the cause, stop it (ferry experiment stop ${name}), and begin another.`);
  }
  for (const { text } of metrics.filter(({ verdict }) => verdict === "worse"))
    add("warning", text, nextFor(row, advice));
  for (const { text } of metrics.filter(({ verdict }) => verdict === "better")) add("note", text, nextFor(row, advice));
  for (const metric of metrics.filter(({ verdict }) => verdict === "open")) {
    add("note", `Undecided: ${needText(metric)}.`, moreOf(metric, isOver));
  }
  return findings;
}

/** What was found and what it means for the whole: a finding alone decides nothing. */
function nextFor({ name, state }: ExperimentRow, advice: Advice): string {
  if (state !== "running") return "It is over: see below for what else differs.";
  if (advice === "promote") return `Promote B: ferry experiment stop ${name} --promote`;
  if (advice === "keep") return `Keep A: ferry experiment stop ${name}`;
  if (advice === "choose")
    return `Weigh it against the rest, and end it: ferry experiment stop ${name} (keeps A), or with --promote.`;
  return "Believe it when the sample ratio holds.";
}

function moreOf({ samplesAre }: MetricResult, isOver: boolean): string {
  if (isOver) return "Begin a longer experiment, or one with a larger share or more devices, where it matters.";
  return samplesAre === "labelled answers"
    ? "Tell more truth: ferry feedback DEVICE MODEL --file truth.json"
    : "Let it go on.";
}

function aboutParagraph(
  { model, former, candidate, selector, author, state, why, created_ms, ended_ms }: ExperimentRow,
  { share }: ExperimentSpec,
  atMs: number,
): ReportBlock {
  const end =
    ended_ms === null
      ? `has run for ${spanText(atMs - created_ms)}`
      : `ran for ${spanText(ended_ms - created_ms)} and has ended, ${state}: ${why ?? ""}`;
  const text = `${model} ${former} (A) serves; ${candidate} (B) answers ${percentText(share)} of the requests beside it, on ${selector}. ${author} began it ${instantText(created_ms)} UTC; it ${end}.`;
  return { kind: "paragraph", text };
}

function sharesFigures(
  { sampleRatio: { requests, verdict }, devices }: ExperimentResults,
  former: string,
  candidate: string,
): ReportBlock {
  const tone: Tone = verdict === "broken" ? "critical" : "good";
  return {
    kind: "figures",
    figures: [
      { label: `Requests of A (${former})`, value: String(Math.round(requests.a)) },
      { label: `Requests of B (${candidate})`, value: String(Math.round(requests.b)), tone },
      { label: "Devices measured", value: String(devices.length) },
    ],
  };
}

const VERDICT_TONES: Readonly<Record<MetricVerdict, Tone | undefined>> = {
  better: "good",
  worse: "critical",
  same: "good",
  higher: undefined,
  lower: undefined,
  open: "warning",
};

function metricsTable({ metrics }: ExperimentResults): ReportBlock {
  const number = (result: MetricResult, value: number | null): ReportCell => ({
    text: figureText(result, value),
    value: value ?? "",
  });
  const bound = ({ unit }: MetricResult, value: number | null): ReportCell => ({
    text: value === null ? "not known" : `${signed(unit === "share" ? 100 * value : value)}${UNITS[unit]}`,
    value: value ?? "",
  });
  return {
    kind: "table",
    title: "Every metric",
    columns: [
      { title: "Metric" },
      { title: "A", align: "right" },
      { title: "B", align: "right" },
      { title: "B − A", align: "right" },
      { title: "At least", align: "right" },
      { title: "At most", align: "right" },
      { title: "p", align: "right" },
      { title: "Samples of A", align: "right" },
      { title: "Samples of B", align: "right" },
      { title: "Verdict" },
    ],
    rows: metrics.map((result) => {
      const { metric, a, b, difference, low, high, p, verdict } = result;
      return [
        textCell(metric),
        number(result, a.value),
        number(result, b.value),
        bound(result, difference),
        bound(result, low),
        bound(result, high),
        { text: p === null ? "–" : p < 0.0001 ? "< 0.0001" : p.toFixed(4), value: p ?? "" },
        countCell(Math.round(a.samples)),
        countCell(Math.round(b.samples)),
        textCell(verdict === "same" ? "no difference that matters" : verdict, VERDICT_TONES[verdict]),
      ];
    }),
    whenEmpty: "Nothing is compared.",
  };
}

const UNITS: Readonly<Record<MetricResult["unit"], string>> = { share: " pt", ms: " ms", "as recorded": "" };

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Number(Math.abs(value).toPrecision(3))}`;
}

/** One for each unit: points beside milliseconds would make either invisible. */
function intervalCharts({ metrics }: ExperimentResults): ReportBlock[] {
  const known = metrics.flatMap(({ low, high, difference, ...rest }) =>
    low === null || high === null || difference === null ? [] : [{ ...rest, low, high, difference }],
  );
  return [...Map.groupBy(known, ({ unit, metric }) => (unit === "as recorded" ? metric : unit))].map(([unit, rows]) => {
    const factor = unit === "share" ? 100 : 1;
    const name = unit === "share" ? "points" : unit === "ms" ? "ms" : "as recorded";
    return {
      kind: "chart",
      shape: "intervals",
      title: unit === "share" ? "B − A, shares" : unit === "ms" ? "B − A, latency" : `B − A, ${unit}`,
      alternative: rows.map(({ text }) => text).join(" "),
      unit: name,
      rows: rows.map(({ metric, low, high, difference, verdict }) => {
        const tone = VERDICT_TONES[verdict];
        return {
          label: metric,
          low: factor * low,
          middle: factor * difference,
          high: factor * high,
          ...(tone && { tone }),
        };
      }),
      reference: 0,
    };
  });
}

function devicesTable({ devices }: ExperimentResults): ReportBlock {
  const leftOut = Math.max(0, devices.length - DEVICES_MAX);
  return {
    kind: "table",
    title: "Every device",
    columns: [
      { title: "Device" },
      { title: "Requests of A", align: "right" },
      { title: "Requests of B", align: "right" },
      { title: "Of B", unit: "ratio", align: "right" },
      { title: "Crashes of B", align: "right" },
      { title: "Both answered for", align: "right" },
    ],
    rows: devices
      .slice(0, DEVICES_MAX)
      .map(({ device, requests: { a, b }, crashes, splitMs }) => [
        textCell(device),
        countCell(Math.round(a)),
        countCell(Math.round(b)),
        a + b === 0 ? textCell("–") : shareCell(b / (a + b)),
        countCell(crashes.b, crashes.b > 0 ? "warning" : undefined),
        { text: spanText(splitMs), value: splitMs },
      ]),
    ...(leftOut === 0 ? {} : { leftOut }),
    whenEmpty: "No device has told anything yet.",
  };
}

function surenessText({ alpha, metrics }: ExperimentSpec, model: string): string {
  return `The intervals hold at every moment at once: whoever looks every day and stops at will is misled about any of the ${metrics.length} metrics in at most ${Number((100 * alpha).toFixed(2))} of 100 experiments of ${model} without a difference. They are about these devices and their traffic. Truth counts when it comes.`;
}
