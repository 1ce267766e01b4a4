/** All that an experiment has found: every metric, the sample ratio, and the verdict in one sentence. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import { compareMetric, type ComparedMetric } from "./compare-metric.ts";
import type { DeviceTally } from "./device-tally.ts";
import type { Advice, ExperimentResults, MetricResult, SampleRatio } from "./experiment-shape.ts";
import { findingText, needText } from "./metric-text.ts";
import { sampleRatio } from "./sample-ratio.ts";

export interface Counted {
  readonly device: DeviceId;
  readonly tally: DeviceTally;
}

export interface ResultsQuestion {
  readonly metrics: readonly ComparedMetric[];
  /** Of the requests, that B should have. */
  readonly share: number;
  /** How often the verdict on any metric may be wrong, all together and however often one looks. */
  readonly alpha: number;
  /** For the sentence: `1.1.0`. */
  readonly candidate: string;
  readonly isOver: boolean;
}

export function experimentResults(question: ResultsQuestion, counted: readonly Counted[]): ExperimentResults {
  const { metrics, share, alpha } = question;
  const tallies = counted.map(({ tally }) => tally);
  const arms = tallies.map(({ requests }) => requests.blocks());
  const crashesOfB = tallies.reduce((sum, { crashes }) => sum + crashes.b, 0);
  const ratio = sampleRatio(arms, share, crashesOfB);
  // Bonferroni: each metric has its part of what may go wrong.
  const results = metrics.map((metric) => compareMetric(metric, tallies, alpha / metrics.length));
  const advice = adviceOf(results, ratio);
  return {
    advice,
    verdict: verdictText(question, results, ratio, advice),
    sampleRatio: ratio,
    metrics: results,
    devices: counted.map(({ device, tally }) => {
      const { aWeight: a, bWeight: b } = tally.requests
        .blocks()
        .reduce((sum, block) => ({ aWeight: sum.aWeight + block.aWeight, bWeight: sum.bWeight + block.bWeight }), {
          aWeight: 0,
          bWeight: 0,
        });
      const { isSplit, splitMs, crashes } = tally;
      return { device, isSplit, splitMs, requests: { a: Math.max(0, a), b }, crashes };
    }),
  };
}

function adviceOf(results: readonly MetricResult[], ratio: SampleRatio): Advice {
  if (ratio.verdict === "broken") return "distrust";
  const has = (verdict: MetricResult["verdict"]) => results.some((result) => result.verdict === verdict);
  if (has("better") && has("worse")) return "choose";
  if (has("worse")) return "keep";
  if (has("better")) return "promote";
  // What is neither better nor worse decides nothing, and so nobody waits for it.
  return results.some(({ verdict, better }) => verdict === "open" && better !== "none") ? "go-on" : "either";
}

function verdictText(
  { candidate, isOver }: ResultsQuestion,
  results: readonly MetricResult[],
  ratio: SampleRatio,
  advice: Advice,
): string {
  if (advice === "distrust") return `The experiment is not to be trusted: ${ratio.text}`;
  const order = ["worse", "better", "higher", "lower", "same"] as const;
  const findings = order.flatMap((verdict) =>
    results.filter((result) => result.verdict === verdict).flatMap((result) => findingText(result) ?? []),
  );
  // What is neither better nor worse decides nothing: nobody waits for it.
  const needs = results.filter(({ verdict, better }) => verdict === "open" && better !== "none").map(needText);
  const said =
    findings.length === 0 ? `Nothing is beyond doubt about B (${candidate})` : `B (${candidate}) ${listText(findings)}`;
  const tail = needs.length === 0 ? "" : `; ${isOver ? "undecided when it ended" : "keep going"}: ${listText(needs)}`;
  return `${said}${ADVICE[advice]}${tail}.`;
}

const ADVICE: Readonly<Record<Advice, string>> = {
  promote: ": it is the better one",
  keep: ": keep A",
  choose: ": the choice is yours",
  either: ": keep either",
  "go-on": "",
  distrust: "",
};

/** `a`, `a and b`, `a, b and c`. */
function listText(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}
