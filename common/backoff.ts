export interface BackoffPolicy {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Reconnecting to a broker: 5,000 devices with certificates that return at once cost it 8–15 s of processor time. */
export const RECONNECT: BackoffPolicy = { firstMs: 1_000, mostMs: 30_000 };

/**
 * The wait before try number `attempt` (0 for the first retry): doubles up to the most, then a random share between
 * half and all of it, so that a fleet that fell together does not return together. `random` gives [0, 1).
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number): number {
  const ceilingMs = Math.min(policy.mostMs, policy.firstMs * 2 ** Math.min(attempt, 30));
  return ceilingMs * (0.5 + random() / 2);
}
