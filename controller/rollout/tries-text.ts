import type { RolloutSpec } from "./rollout-spec.ts";

/** `not done within 30 min, tried 3 times: transferring, 40 % of 1000 bytes`. */
export function triesText(
  goal: "done" | "back",
  { deploymentMsMax }: RolloutSpec,
  tries: number,
  progress: string,
): string {
  const times = tries === 0 ? "tried once" : `tried ${tries + 1} times`;
  return `not ${goal} within ${spanText(deploymentMsMax)}, ${times}: ${progress}`;
}

/** In the largest unit that leaves no rest. */
export function spanText(ms: number): string {
  const units = [
    { name: "h", ms: 3_600_000 },
    { name: "min", ms: 60_000 },
    { name: "s", ms: 1_000 },
  ] as const;
  const unit = units.find((one) => ms >= one.ms && ms % one.ms === 0);
  return unit === undefined ? `${ms} ms` : `${ms / unit.ms} ${unit.name}`;
}
