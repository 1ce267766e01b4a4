/** What drifts, as parts of any report: findings with the next step, a table of features, histograms. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DriftVerdict } from "../drift/drift-shape.ts";
import { numberText } from "../drift/judge-feature.ts";
import type { DriftPicture } from "../drift/read-drift.ts";
import { countCell, instantCell, instantText, textCell } from "./cells.ts";
import type { BarChart, ReportBlock, ReportCell } from "./document.ts";
import { DEVICES_NAMED_MAX, type Finding } from "./report-shape.ts";

/** Features named in one sentence: the table has all. */
const NAMED_MAX = 4;
/** Rows: a version has up to 96 features, and those that drift come first. */
const ROWS_MAX = 60;
/** Of a category with many values the greatest; more bars than that cannot be told apart on a telephone. */
const BARS_MAX = 16;

/** One for each version that drifts: its features have one cause more often than not; and one for each that is not measured. */
export function driftFindings(verdicts: readonly DriftVerdict[]): Finding[] {
  return [...driftingFindings(verdicts), ...unmeasuredFindings(verdicts)];
}

function driftingFindings(verdicts: readonly DriftVerdict[]): Finding[] {
  const versions = Map.groupBy(
    verdicts.filter(({ isDrifting }) => isDrifting),
    ({ slot, version }) => `${slot}@${version}`,
  );
  return [...versions].flatMap(([name, drifting]) => {
    const [worst] = drifting;
    if (worst === undefined) return [];
    const named = drifting.slice(0, NAMED_MAX).map(({ feature }) => feature);
    const more = drifting.length > named.length ? ` and ${drifting.length - named.length} more` : "";
    const since = Math.min(...drifting.map(({ sinceMs = Infinity }) => sinceMs));
    return [
      {
        severity: "warning",
        text: `${name} drifts: ${named.join(", ")}${more} ${drifting.length === 1 ? "differs" : "differ"} from ${referenceText(worst)}${since === Infinity ? "" : ` since ${instantText(since)} UTC`}`,
        // They came as text from the device's own records, whose sender the broker has checked.
        devices: [...new Set(drifting.flatMap(({ devices }) => devices))].slice(0, DEVICES_NAMED_MAX) as DeviceId[],
        next: nextText(worst, drifting),
      },
    ];
  });
}

/** Devices that save data tell no distributions: nobody must read their silence as calm. */
function unmeasuredFindings(verdicts: readonly DriftVerdict[]): Finding[] {
  const versions = Map.groupBy(
    verdicts.filter(({ state }) => state === "not-measured"),
    ({ slot, version }) => `${slot}@${version}`,
  );
  return [...versions].map(([name, silent]) => ({
    severity: "note",
    text: `drift of ${name} is not measured in ${silent.length} ${silent.length === 1 ? "feature" : "features"}: its devices only count, since their data budget is almost used up`,
    devices: [],
    next: "Give these devices a larger `--data-budget`, or wait for the next month.",
  }));
}

function referenceText({ reference }: DriftVerdict): string {
  return reference === "bundle" ? "the bundle's baseline" : "what the version was given at first";
}

/** Inputs that changed explain outputs that did; outputs alone point at the model or at what prepares its inputs. */
function nextText({ slot, feature }: DriftVerdict, drifting: readonly DriftVerdict[]): string {
  const show = `\`ferry drift show ${slot} '${feature}'\` draws both histograms.`;
  const missing = drifting.find(
    ({ statistics }) => statistics !== undefined && statistics.missing > statistics.referenceMissing + MISSING_MORE,
  );
  if (missing !== undefined) {
    return `${missing.feature} has more missing values than its reference: check the sensor, and what prepares its data. ${show}`;
  }
  return drifting.some(({ role }) => role === "input")
    ? `Check the sensors of these devices. Where they are in order the world has changed: collect truth (\`ferry feedback\`) and consider training anew. ${show}`
    : `No input drifts: suspect the model or its preprocessing, and hold it against truth with \`ferry accuracy ${slot}\`. ${show}`;
}

/** More missing values than so much of all examples is a defect before it is a change of the world. */
const MISSING_MORE = 0.05;

export function driftTable(verdicts: readonly DriftVerdict[]): ReportBlock {
  const shown = verdicts.slice(0, ROWS_MAX);
  return {
    kind: "table",
    title: "Features against their reference",
    columns: [
      { title: "Feature" },
      { title: "Model" },
      { title: "Role" },
      { title: "State" },
      { title: "PSI", align: "right" },
      { title: "Limit", align: "right" },
      { title: "Examples", align: "right" },
      { title: "Devices", align: "right" },
      { title: "Drifts since", unit: "UTC" },
    ],
    rows: shown.map(({ feature, slot, version, role, state, statistics, threshold, samples, devices, sinceMs }) => [
      textCell(feature),
      textCell(`${slot}@${version}`),
      textCell(role),
      textCell(state, state === "drifting" ? "warning" : state === "steady" ? "good" : undefined),
      figureCell(statistics?.psi),
      figureCell(threshold),
      countCell(samples),
      countCell(devices.length),
      instantCell(sinceMs),
    ]),
    leftOut: verdicts.length - shown.length,
    whenEmpty: "No model was asked in this time: devices tell distributions every five minutes with traffic.",
  };
}

function figureCell(value: number | undefined): ReportCell {
  return value === undefined ? { text: "–", value: "" } : { text: numberText(value), value };
}

/** The reference and now, in shares of their examples: bars of different heights would only say that there is more of one. */
export function driftChart({ verdict, bins }: DriftPicture): BarChart {
  const { feature, slot, version, statistics, threshold, sentence } = verdict;
  const total = (of: "reference" | "current") => Math.max(1, sumOf(bins.map((bin) => bin[of])));
  const [reference, current] = [total("reference"), total("current")];
  const greatest = bins
    .toSorted((a, b) => share(b) - share(a))
    .slice(0, BARS_MAX)
    .map(({ name }) => name);
  const shown = bins.filter(({ name }) => greatest.includes(name));
  const rest = bins.filter(({ name }) => !greatest.includes(name));
  const psi =
    statistics === undefined ? "" : ` · psi ${numberText(statistics.psi)}, limit ${numberText(threshold ?? 0)}`;
  return {
    kind: "chart",
    shape: "bars",
    title: `${feature} of ${slot}@${version}${psi}`,
    alternative: sentence,
    unit: "% of examples",
    categories: [...shown.map(({ name }) => name), ...(rest.length === 0 ? [] : [`${rest.length} others`])],
    series: [
      { name: "reference", values: values("reference", reference) },
      { name: "now", values: values("current", current) },
    ],
  };

  function share(bin: DriftPicture["bins"][number]): number {
    return bin.reference / reference + bin.current / current;
  }

  function values(of: "reference" | "current", all: number): number[] {
    const others = rest.length === 0 ? [] : [sumOf(rest.map((bin) => bin[of]))];
    return [...shown.map((bin) => bin[of]), ...others].map((count) => Number(((100 * count) / all).toFixed(2)));
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
