/**
 * What a gate on drift says: whether a version is asked, and answers, otherwise than its bundle's baseline on the devices of a
 * stage. It has no bounds that hold however often one looks, so it is looked at once the soak is over, and fails only where
 * chance is ruled out over all features together. Pure.
 */
import type { DriftVerdict } from "../drift/drift-shape.ts";
import { DRIFT_EXAMPLES_MIN, DRIFT_PSI } from "./gate-metrics.ts";
import { FALSE_FAILURES_MAX } from "./gate-findings.ts";
import type { GateResult } from "./gate-result.ts";
import { numberText } from "./gate-words.ts";
import type { Gate } from "./rollout-spec.ts";

export function judgeDriftGate(gate: Gate, verdicts: readonly DriftVerdict[], isSoakOver: boolean): GateResult {
  const compared = verdicts.filter(({ reference, statistics }) => reference === "bundle" && statistics !== undefined);
  const [worst] = compared
    .map((verdict) => held(gate, verdict, compared.length))
    .sort((a, b) => Number(b.isBeyond) - Number(a.isBeyond) || b.psi / b.limit - a.psi / a.limit);
  const none = {
    metric: DRIFT_PSI,
    verdict: "inconclusive" as const,
    value: null,
    limit: gate.max ?? null,
    samples: 0,
  };
  if (worst === undefined) return { ...none, text: `${DRIFT_PSI}: ${whyNone(verdicts)}` };
  const { feature, psi, limit, samples } = worst;
  const result = { metric: DRIFT_PSI, value: psi, limit, samples };
  const said = `${DRIFT_PSI} of ${feature} ${numberText(psi)}`;
  const of = `limit ${numberText(limit)}, ${numberText(samples)} examples`;
  const samplesMin = gate.minSamples ?? DRIFT_EXAMPLES_MIN;
  if (samples < samplesMin) {
    const text = `${said} so far, ${numberText(samples)} of ${numberText(samplesMin)} examples`;
    return { ...result, verdict: "inconclusive", text };
  }
  if (!isSoakOver) return { ...result, verdict: "inconclusive", text: `${said} so far, ${of}` };
  if (worst.isBeyond) return { ...result, verdict: "fail", text: `${said} is surely above the ${of}` };
  if (worst.isAbove) {
    return { ...result, verdict: "inconclusive", text: `${said} is above the ${of}, which may be chance` };
  }
  const unmeasured = verdicts.filter(({ state }) => state === "not-measured").length;
  if (unmeasured > 0) {
    const text = `${DRIFT_PSI}: ${unmeasured} features are not measured, since devices save data and only count`;
    return { ...result, verdict: "inconclusive", text };
  }
  return { ...result, verdict: "pass", text: `${said} at most, ${of}, ${compared.length} features` };
}

interface Held {
  readonly feature: string;
  readonly psi: number;
  readonly limit: number;
  readonly samples: number;
  readonly isAbove: boolean;
  readonly isBeyond: boolean;
}

/** A limit of one's own is never below what chance explains with so many examples. */
function held(
  { max = 0 }: Gate,
  { feature, samples, statistics, threshold = 0, isDrifting }: DriftVerdict,
  features: number,
): Held {
  const { psi = 0, pValue = 1 } = statistics ?? {};
  const limit = Math.max(max, threshold);
  const isAbove = isDrifting && psi > limit;
  return { feature, psi, limit, samples, isAbove, isBeyond: isAbove && pValue * features <= FALSE_FAILURES_MAX };
}

function whyNone(verdicts: readonly DriftVerdict[]): string {
  const [first] = verdicts;
  if (first === undefined) return "no distributions yet; devices tell them every five minutes in which they answer";
  const silent = verdicts.find(({ state }) => state === "not-measured");
  if (silent !== undefined) return "not measured, since these devices save data and only count";
  return first.reference === "bundle"
    ? `${first.samples} examples are too few to compare`
    : "the bundle has no baseline to compare with; make one with ferry bundle baseline, sign and push it anew";
}
