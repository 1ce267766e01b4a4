/** Experiments as people read them: the verdict first, then what it rests on. */
import pc from "picocolors";
import { figureText } from "../experiments/metric-text.ts";
import type { MetricResult, MetricVerdict } from "../experiments/experiment-shape.ts";
import type { Experiment, ExperimentDetail } from "../http/experiment-routes.ts";
import { counted, duration, instant } from "./human.ts";
import { table, type Column } from "./output.ts";

export function describeExperiment({ experiment, spec, rollout, troubled, results }: ExperimentDetail): string {
  const { name, model, former, candidate, share } = experiment;
  const { sampleRatio, metrics, verdict } = results;
  const confidence = Number((100 * (1 - spec.alpha)).toFixed(2));
  return [
    `${pc.bold(`Experiment ${name}`)}  ${model}  A ${former}, B ${candidate} with ${percent(share)} of the requests`,
    `  ${stateText(experiment)}`,
    ...(rollout === null || experiment.state !== "running"
      ? []
      : [
          `  ${rollout.counts.deploying} of ${counted(membersOf(rollout.counts), "device")} on their way or splitting, rollout ${experiment.rollout}`,
        ]),
    "",
    pc.bold(verdict),
    "",
    table({ rows: metrics, columns: METRIC_COLUMNS }, false).replaceAll(/^/gm, "  "),
    "",
    `  ${ratioMark(sampleRatio.verdict)} ${sampleRatio.text}`,
    ...troubled.map(({ device, why }) => `  ${pc.yellow("!")} ${device}: ${why}`),
    pc.dim(
      `  Intervals hold at every look at once; all together they mislead in at most ${100 - confidence} of 100 experiments.`,
    ),
  ].join("\n");
}

function stateText({ state, createdMs, endsMs, endedMs, endedBy, why, promotion, selector }: Experiment): string {
  if (state === "running") {
    return `${pc.cyan("◌ running")} for ${duration(Date.now() - createdMs)} on ${selector}; ends by itself ${instant(endsMs)}, and A is kept`;
  }
  const into = promotion === null ? "" : ` by rollout ${promotion}`;
  const when = endedMs === null ? "" : ` ${instant(endedMs)}`;
  return `${pc.dim(`↷ ${state}`)}${into}${when} by ${endedBy ?? "–"}: ${why ?? ""}`;
}

function membersOf(counts: NonNullable<ExperimentDetail["rollout"]>["counts"]): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

const VERDICT_MARKS: Readonly<Record<MetricVerdict, () => string>> = {
  better: () => pc.green("✔ better"),
  worse: () => pc.red("✖ worse"),
  higher: () => pc.cyan("↑ higher"),
  lower: () => pc.cyan("↓ lower"),
  same: () => pc.dim("= no difference that matters"),
  open: () => pc.yellow("? open"),
};

function ratioMark(verdict: "sound" | "broken" | "open"): string {
  return verdict === "sound" ? pc.green("✔") : verdict === "broken" ? pc.red("✖") : pc.dim("·");
}

const METRIC_COLUMNS: readonly Column<MetricResult>[] = [
  { title: "METRIC", text: ({ metric }) => metric },
  { title: "A", text: (result) => figureText(result, result.a.value), align: "right" },
  { title: "B", text: (result) => figureText(result, result.b.value), align: "right" },
  { title: "B − A", text: intervalText },
  { title: "p", text: ({ p }) => (p === null ? "–" : p < 0.0001 ? "<0.0001" : p.toFixed(4)), align: "right" },
  { title: "SAMPLES", text: ({ a, b }) => `${Math.round(a.samples)} + ${Math.round(b.samples)}`, align: "right" },
  { title: "VERDICT", text: ({ verdict }) => VERDICT_MARKS[verdict]() },
];

/** `+0.4 … +1.1`, in the unit of the columns beside it. */
export function intervalText({ unit, low, high }: Pick<MetricResult, "unit" | "low" | "high">): string {
  if (low === null || high === null) return "not known yet";
  const factor = unit === "share" ? 100 : 1;
  const sign = (value: number) => `${value >= 0 ? "+" : "−"}${Number(Math.abs(factor * value).toPrecision(2))}`;
  return `${sign(low)} … ${sign(high)}${unit === "share" ? " points" : unit === "ms" ? " ms" : ""}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}
