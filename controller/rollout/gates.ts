/**
 * What a gate says. It fails as soon as its limit is passed beyond doubt, by bounds that hold however often it is looked at:
 * a version that changed nothing hardly ever fails. It passes at the end of the soak, with samples enough and the estimate
 * within the limit. Anything else is inconclusive, and says what is missing.
 */
import { findingsOf, type Finding, type GateReading } from "./gate-findings.ts";
import type { GateMetric } from "./gate-metrics.ts";
import type { GateResult } from "./gate-result.ts";
import { numberText, valueText } from "./gate-words.ts";
import type { Gate } from "./rollout-spec.ts";

type Judgement = Pick<GateResult, "verdict" | "text">;

/** Where the gate has several limits, all must hold, and the one that is furthest from it speaks. */
export function judgeGate(gate: Gate, metric: GateMetric, reading: GateReading, isSoakOver: boolean): GateResult {
  const samplesMin = gate.minSamples ?? metric.minSamples;
  const judged = findingsOf(gate, metric, reading).map((finding) => ({
    finding,
    ...judge(metric, finding, samplesMin, isSoakOver),
  }));
  const worst =
    judged.find(({ verdict }) => verdict === "fail") ??
    judged.find(({ verdict }) => verdict === "inconclusive") ??
    judged.find(({ finding }) => finding.former !== "none") ??
    judged[0];
  if (worst === undefined) throw new Error(`the gate on ${gate.metric} has no limit that its metric takes`);
  const { value, limit, samples } = worst.finding;
  return { metric: gate.metric, verdict: worst.verdict, value, limit, samples, text: worst.text };
}

function judge(metric: GateMetric, finding: Finding, samplesMin: number, isSoakOver: boolean): Judgement {
  const { value, limit, wrong, samples, isBeyond, isWithin, was, former } = finding;
  if (former === "none" && !isBeyond) {
    return {
      verdict: "pass",
      text: `${metric.name}: these devices replaced no version, so there is nothing to compare with`,
    };
  }
  const said = `${metric.name} ${valueText(metric, value)}${was === undefined ? "" : ` (was ${was})`}`;
  const bound = `limit ${valueText(metric, limit)}`;
  const of = `${numberText(samples)} ${metric.samples}`;
  if (isBeyond) return { verdict: "fail", text: `${said} is surely ${wrong} the ${bound}, after ${of}` };
  if (value !== null && former === "unknown") {
    const text = `${said}: too little is known of the version that was replaced, which served too few requests on these devices lately`;
    return { verdict: "inconclusive", text };
  }
  if (samples < samplesMin) {
    const few = `${numberText(samples)} of ${numberText(samplesMin)} ${metric.samples}`;
    return { verdict: "inconclusive", text: value === null ? `${metric.name}: ${few}` : `${said} so far, ${few}` };
  }
  if (!isSoakOver) return { verdict: "inconclusive", text: `${said} so far, ${bound}, ${of}` };
  if (isWithin) return { verdict: "pass", text: `${said}, ${bound}, ${of}` };
  return { verdict: "inconclusive", text: `${said} is ${wrong} the ${bound}, which may be chance after ${of}` };
}
