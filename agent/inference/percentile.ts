/** Of ascending values: the smallest that at least this share does not exceed; undefined of none. */
export function percentile(ascending: readonly number[], share: number): number | undefined {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)];
}
