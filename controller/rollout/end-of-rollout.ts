/** What a rollout's devices make of the rollout as a whole: too many failures, or how it ends. */
import type { RolloutState } from "../store/rollout-state.ts";
import type { RolloutFacts } from "./situation.ts";
import type { Counts } from "./tally.ts";

/** In words with the numbers, where more failed than the abort criteria allow. */
export function excessOfFailures(counts: Counts, rollout: RolloutFacts): string | undefined {
  const { abort } = rollout.spec;
  const { done, failed } = settledOf(counts);
  if (abort === null || done + failed < abort.devicesMin || failuresAreTolerated(counts, rollout)) return undefined;
  const share = failed / (done + failed);
  if (share <= abort.failedShareMax) return undefined;
  return `${failed} of ${devicesText(done + failed)} failed: ${shareText(share)}, and ${shareText(abort.failedShareMax)} may`;
}

/** None failed, or no more than a person has accepted by resuming. */
export function failuresAreTolerated(counts: Counts, { failuresAccepted }: RolloutFacts): boolean {
  return settledOf(counts).failed <= failuresAccepted;
}

export interface End {
  readonly state: Extract<RolloutState, "completed" | "failed" | "superseded">;
  readonly why: string | null;
}

/** Once every device that can be reached is settled. */
export function endOf(counts: Counts, { spec }: RolloutFacts): End {
  const { done, failed } = settledOf(counts);
  const isWithin = spec.abort !== null && failed / Math.max(1, done + failed) <= spec.abort.failedShareMax;
  const failedText = `${failed} of ${devicesText(done + failed)} failed`;
  if (failed > 0 && !isWithin) return { state: "failed", why: failedText };
  const superseded = counts.count(({ state }) => state === "superseded");
  if (superseded > 0) return { state: "superseded", why: `another rollout has ${devicesText(superseded)}` };
  return { state: "completed", why: failed === 0 ? null : `${failedText}, which is within what it tolerates` };
}

function settledOf(counts: Counts): { readonly done: number; readonly failed: number } {
  return {
    done: counts.count(({ state }) => state === "done"),
    failed: counts.count(({ state }) => state === "failed"),
  };
}

/** `12.5 %`. */
export function shareText(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

export function devicesText(count: number): string {
  return count === 1 ? "1 device" : `${count} devices`;
}
