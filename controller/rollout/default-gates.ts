/** The gates of a rollout that soaks and names none: what a version that is meant to do the same must not change. */
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Gate, RolloutStage } from "./rollout-spec.ts";

/**
 * Each compares with the version that is replaced, on the same devices, so that a fleet that is slow or faulty by itself
 * passes; crashes alone have a limit of their own, because a sound runner never crashes.
 */
export const DEFAULT_GATES: readonly Gate[] = [
  // A fault that is worth going back for fails more than one request in a hundred.
  { metric: "error_rate_increase", max: 0.01 },
  // Time of day, heat and other load move p95 by a fifth; the comparison itself costs the device some of its time.
  { metric: "latency_p95_ms", maxRatio: 1.5 },
  // A version that is meant to answer otherwise says so with a limit of its own.
  { metric: "agreement_top1", min: 0.995 },
  { metric: "crashes", max: 2 },
];

/**
 * Without a soak nothing would be there to judge. A shadow computes in time that nobody else wants, and often too little of
 * it to tell how fast it is.
 */
export function defaultGates(stages: readonly RolloutStage[], mode?: SoakTraffic): readonly Gate[] {
  if (mode === undefined && !stages.some(({ soakMs }) => soakMs > 0)) return [];
  return mode?.kind === "shadow" ? DEFAULT_GATES.filter(({ metric }) => metric !== "latency_p95_ms") : DEFAULT_GATES;
}

/**
 * The version replaced is there to be compared with only until the device commits: five minutes give a canary of a few
 * devices some thousand comparisons, and keep two models in memory no longer.
 */
const AGREEMENT_SOAK_MS = 300_000;

/** How long each device is to soak where the rollout does not say; undefined: as the device does by itself. */
export function deviceSoakFor(gates: readonly Gate[], mode?: SoakTraffic): number | undefined {
  return mode !== undefined || gates.some(({ metric }) => metric === "agreement_top1") ? AGREEMENT_SOAK_MS : undefined;
}
