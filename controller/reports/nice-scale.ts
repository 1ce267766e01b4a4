/** Round numbers for an axis. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  /** Ascending, `from` and `to` among them. */
  readonly ticks: readonly number[];
}

/** The smallest scale of 1, 2 or 5 times a power of ten that holds all values; 0 is part of it where they are all on one side. */
export function niceScale(values: readonly number[], ticksWanted = 4): Scale {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(low === 0 ? 0 : low, 0, ...finite);
  const range = high - low || 1;
  const step = niceStep(range / ticksWanted);
  const first = Math.floor(low / step + SLACK);
  const last = Math.max(first + 1, Math.ceil((low + range) / step - SLACK));
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  return { from: first * step, to: last * step, ticks };
}

/** Of a step: floating point must not add one more. */
const SLACK = 1e-9;

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least * (1 - SLACK)) ?? 10);
}

/** A tick's number without needless digits. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
