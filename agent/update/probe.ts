/** Whether a version that answers real requests, or copies of them, is good enough to commit to. Pure. */
import type { Refusal } from "../../protocol/trust/refusal.ts";

/** How the candidate has done since it got the traffic; see `Observed` of the inference engine. */
export interface SoakObservation {
  readonly requests: number;
  readonly failed: number;
  /** Where it soaks beside the version that it is to replace: what that one did with the same traffic in the same time. */
  readonly former?: { readonly requests: number; readonly failed: number; readonly latencyP95Ms: number | undefined };
  readonly badOutputs: number;
  /** Runner processes that ended by themselves within the last minute. */
  readonly recentCrashes: number;
  /** Answers whose time counts. */
  readonly timed: number;
  /** Undefined before the first of them. */
  readonly latencyP95Ms: number | undefined;
  /** The budget in `model.json`; undefined where it has none. */
  readonly budgetP95Ms: number | undefined;
  /** Of a version of the agent: what does not go on under it; a sentence without its full stop. */
  readonly unhealthy?: string;
}

export interface SoakPolicy {
  readonly soakMs: number;
  /** Null: it cannot pass yet, only fail. */
  readonly untilMs: number | null;
}

export type SoakVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly refusal: Refusal }
  /** Too early, or too few requests to tell an accident from a fault. */
  | { readonly kind: "inconclusive" };

/** A runner that dies so often within a minute serves nobody, however well it answers in between. */
export const SOAK_CRASHES_MAX = 3;
/** The golden set passed, so single failures are some client's input; more than this share is the model's. */
export const SOAK_FAILED_SHARE_MAX = 0.05;
/** NaN and values out of range from finite inputs are rarer than failures: a sound model gives none. */
export const SOAK_BAD_SHARE_MAX = 0.01;
/** So many before a share means anything. */
export const SOAK_BAD_MIN = 5;
/** The budget was measured with the processor almost to itself; real traffic comes in bursts, and beside others. */
export const SOAK_LATENCY_FACTOR = 1.5;
/** Below it one hiccup of the machine is the 95th percentile. */
export const SOAK_LATENCY_REQUESTS_MIN = 20;
/** Of too few requests to tell: more bad ones than good ones. */
const DOUBTFUL_SHARE_MAX = 0.5;

/**
 * What is clearly bad fails at once, whatever time is left. At the end what is clean passes; what is in doubt is watched
 * for the same time again, and then judged by what there is: a device that is asked twice a day must not soak for ever.
 */
export function probe(seen: SoakObservation, { soakMs, untilMs }: SoakPolicy, nowMs: number): SoakVerdict {
  const failure = clearFailure(seen);
  if (failure !== undefined) return { kind: "fail", refusal: failure };
  if (untilMs === null || nowMs < untilMs) return { kind: "inconclusive" };
  const slowness = slowerThanBudget(seen);
  if (slowness !== undefined) return { kind: "fail", refusal: slowness };
  if (!isDoubtful(seen)) return { kind: "pass" };
  if (nowMs < untilMs + soakMs) return { kind: "inconclusive" };
  const verdict = mostlyBad(seen);
  return verdict === undefined ? { kind: "pass" } : { kind: "fail", refusal: verdict };
}

function clearFailure(seen: SoakObservation): Refusal | undefined {
  const { requests, failed, badOutputs, recentCrashes, unhealthy } = seen;
  if (unhealthy !== undefined) return { code: "agent-unhealthy", message: unhealthy };
  if (recentCrashes >= SOAK_CRASHES_MAX) {
    const message = `The runner ended by itself ${recentCrashes} times within a minute; ${SOAK_CRASHES_MAX} are too many`;
    return { code: "soak-crashes", message };
  }
  if (failed >= SOAK_BAD_MIN && failed > requests * failedShareMax(seen)) return errors(seen);
  if (badOutputs >= SOAK_BAD_MIN && badOutputs > requests * SOAK_BAD_SHARE_MAX) return outputs(requests, badOutputs);
  return undefined;
}

/** Requests that the former version fails as well are the callers' fault, or the device's. */
function failedShareMax({ former }: SoakObservation): number {
  const before = former === undefined || former.requests === 0 ? 0 : former.failed / former.requests;
  return SOAK_FAILED_SHARE_MAX + before;
}

/** A device on which the former version is as slow at the same time is slow by itself. */
function slowerThanBudget({ timed, latencyP95Ms, budgetP95Ms, former }: SoakObservation): Refusal | undefined {
  if (latencyP95Ms === undefined || budgetP95Ms === undefined || timed < SOAK_LATENCY_REQUESTS_MIN) return undefined;
  const mostMs = Math.max(budgetP95Ms, former?.latencyP95Ms ?? 0) * SOAK_LATENCY_FACTOR;
  if (latencyP95Ms <= mostMs) return undefined;
  const message = `95 % of ${timed} real requests took up to ${latencyP95Ms.toFixed(1)} ms; the budget is ${budgetP95Ms} ms, and ${mostMs.toFixed(1)} ms are tolerated beside other work`;
  return { code: "soak-latency", message };
}

/** Something happened, though too little to decide. */
function isDoubtful(seen: SoakObservation): boolean {
  const { requests, failed, badOutputs, recentCrashes } = seen;
  return recentCrashes > 0 || failed > requests * failedShareMax(seen) || badOutputs > requests * SOAK_BAD_SHARE_MAX;
}

function mostlyBad(seen: SoakObservation): Refusal | undefined {
  const { requests, failed, badOutputs } = seen;
  if (failed > requests * DOUBTFUL_SHARE_MAX) return errors(seen);
  if (badOutputs > requests * DOUBTFUL_SHARE_MAX) return outputs(requests, badOutputs);
  return undefined;
}

function errors(seen: SoakObservation): Refusal {
  const { requests, failed, former } = seen;
  const beside = former === undefined ? "" : `, ${former.failed} of ${former.requests} in the former version`;
  const share = `${percent(failedShareMax(seen))} are tolerated`;
  return {
    code: "soak-errors",
    message: `${failed} of ${requests} real requests failed in the model${beside}; ${share}`,
  };
}

function outputs(requests: number, bad: number): Refusal {
  const what = "gave NaN, an infinity or a value out of range from finite inputs";
  const message = `${bad} of ${requests} real requests ${what}; ${percent(SOAK_BAD_SHARE_MAX)} are tolerated`;
  return { code: "soak-outputs", message };
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
