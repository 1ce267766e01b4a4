/** Between what the clocks of a time zone show and instants: an hour may be missing, or come twice. */

/** A date of the calendar that hangs beside the clocks. */
export interface CalendarDay {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

const HOUR_MS = 3_600_000;
/** Zones are from 12 h behind UTC to 14 h ahead: a day lies within 14 h before and 36 h after its midnight in UTC. */
const EARLIER_MS = 15 * HOUR_MS;
const LATER_MS = 37 * HOUR_MS;

/**
 * Gives the instants at which the clocks show a time of that day, in order: one; two where the hour comes twice. Where it
 * is skipped, the instant at which the clocks jump over it: what is due in a missing hour is due at its end, not never.
 */
export function clockOf(
  { year, month, day }: CalendarDay,
  timezone: string,
): (hour: number, minute: number) => readonly number[] {
  const midnight = Date.UTC(year, month - 1, day);
  const before = offsetMs(midnight - EARLIER_MS, timezone);
  const after = offsetMs(midnight + LATER_MS, timezone);
  return (hour, minute) => {
    const asIfUtc = midnight + hour * HOUR_MS + minute * 60_000;
    if (before === after) return [asIfUtc - before];
    const instants = [asIfUtc - before, asIfUtc - after]
      .filter((instant) => instant + offsetMs(instant, timezone) === asIfUtc)
      .sort((a, b) => a - b);
    return instants.length > 0 ? instants : [jumpBetween(asIfUtc - after, asIfUtc - before, timezone)];
  };
}

export function calendarDayAt(instantMs: number, timezone: string): CalendarDay {
  const date = new Date(instantMs + offsetMs(instantMs, timezone));
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** True for a name of the IANA database that this program knows. */
export function isTimeZone(name: string): boolean {
  try {
    formatFor(name);
    return true;
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

/** To the second: no zone has changed its clocks between two seconds. */
function jumpBetween(earlyMs: number, lateMs: number, timezone: string): number {
  const former = offsetMs(earlyMs, timezone);
  let [low, high] = [earlyMs, lateMs];
  while (high - low > 1_000) {
    const middle = Math.floor((low + high) / 2_000) * 1_000;
    if (offsetMs(middle, timezone) === former) low = middle;
    else high = middle;
  }
  return high;
}

/** How far the zone's clocks are ahead of UTC. */
function offsetMs(instantMs: number, timezone: string): number {
  const parts = formatFor(timezone).formatToParts(instantMs);
  const field = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(
    field("year"),
    field("month") - 1,
    field("day"),
    field("hour"),
    field("minute"),
    field("second"),
  );
  return shown - Math.floor(instantMs / 1_000) * 1_000;
}

/** Making one costs 50 times what using it does; there are no more than there are zones (about 600). */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(timeZone, format);
  return format;
}
