export interface TimeTick {
  readonly atMs: number;
  /** `14:00`, or `28 Nov` where days are counted; UTC. */
  readonly text: string;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 14_400].map((n) => n * MINUTE);

/** Round instants from `fromMs` to `toMs`, `ticksMax` at most. */
export function timeTicks(fromMs: number, toMs: number, ticksMax: number): readonly TimeTick[] {
  const stepMs =
    STEPS_MS.find((step) => (toMs - fromMs) / step <= ticksMax) ?? Math.ceil((toMs - fromMs) / ticksMax / DAY) * DAY;
  const firstMs = Math.ceil(fromMs / stepMs) * stepMs;
  const count = Math.max(0, Math.floor((toMs - firstMs) / stepMs) + 1);
  return Array.from({ length: count }, (_, at) => {
    const atMs = firstMs + at * stepMs;
    return { atMs, text: textOf(atMs, stepMs) };
  });
}

function textOf(atMs: number, stepMs: number): string {
  const date = new Date(atMs);
  if (stepMs < DAY) return date.toISOString().slice(11, 16);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ""}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
