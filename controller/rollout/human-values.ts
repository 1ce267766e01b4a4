/** Shares and times as people write them, in files and flags: `5%`, `10m`. Each pair of functions undoes the other. */

const UNIT_MS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

/** `90s`, `10m`, `1.5h`, `0`, in milliseconds; undefined for anything else. */
export function readSpan(text: string): number | undefined {
  if (text === "0") return 0;
  const [, number, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const [, unitMs = Number.NaN] = UNIT_MS.find(([name]) => name === unit) ?? [];
  const ms = Math.round(Number(number) * unitMs);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** In the largest unit that needs no fraction. */
export function spanText(ms: number): string {
  const [unit, unitMs] = UNIT_MS.find(([, each]) => ms >= each && ms % each === 0) ?? ["s", 1_000];
  return `${ms / unitMs}${unit}`;
}

/** `5%` is 0.05; undefined for anything that is no percentage. */
export function readShare(text: string): number | undefined {
  const [, number] = /^([0-9]+(?:\.[0-9]+)?)\s?%$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * 1e7) / 1e9;
}

export function shareText(share: number): string {
  return `${Number((share * 100).toFixed(7))}%`;
}
