/** Cron expressions of five fields, as `node-cron` reads them, and the instants that they name in a time zone. */
import { validateDetailed } from "node-cron";
import { calendarDayAt, clockOf } from "./wall-clock.ts";

export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: ReadonlySet<number>;
  /** Days of the month; `L` is the last one. */
  readonly days: ReadonlySet<number | string>;
  /** 0 is Sunday; `1#2` the second Monday of the month, `5L` the last Friday. */
  readonly weekdays: ReadonlySet<number | string>;
}

export type ParsedCron =
  { readonly kind: "cron"; readonly cron: Cron } | { readonly kind: "refused"; readonly why: string };

export function parseCron(text: string): ParsedCron {
  if (text.trim().split(/\s+/).length !== 5) {
    return refused(`${JSON.stringify(text)} is not five fields: minute, hour, day, month, weekday, as in "0 2 * * *"`);
  }
  const { fields, errors } = validateDetailed(text);
  const [error] = errors;
  if (error !== undefined || fields === undefined) {
    const { field = "expression", value = text } = error ?? {};
    const name = FIELD_NAMES[field] ?? field;
    return refused(`${JSON.stringify(value)} is no ${name} of ${JSON.stringify(text)}; as an example, "0 2 * * *"`);
  }
  const { minute, hour, month, dayOfMonth, dayOfWeek } = fields;
  const odd = [...dayOfMonth, ...dayOfWeek].find((day) => typeof day === "string" && !DAY_RULE.test(day));
  if (odd !== undefined) return refused(`"${odd}" is not understood here; days are numbers, L, 1#2 and 5L`);
  if (dayOfMonth.length < 31 && new Set(dayOfWeek).size < 7) {
    // Half of the cron programs take a day that matches either, the others one that matches both.
    return refused(`${JSON.stringify(text)} restricts day and weekday: give one of them; 1#1 is the first Monday`);
  }
  const [minutes, hours] = [ascending(minute), ascending(hour)];
  return {
    kind: "cron",
    cron: { minutes, hours, months: new Set(month), days: new Set(dayOfMonth), weekdays: new Set(dayOfWeek) },
  };
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  dayOfMonth: "day of the month",
  dayOfWeek: "weekday",
};

/** What `isDay` knows of the rules that are not numbers. */
const DAY_RULE = /^(?:L|[0-7]#[1-5]|[0-7]L)$/;

function refused(why: string): ParsedCron {
  return { kind: "refused", why };
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

const DAY_MS = 86_400_000;
/** The longest wait for a date that exists is eight years, for 29 February around 2100. */
const DAYS_MAX = 10 * 366;

/**
 * The instants that the expression names, ascending, from `fromMs` on, for ten years. Clocks that change: a time that is
 * skipped counts at the moment of the jump; one that comes twice counts once, unless the expression is for every hour.
 */
export function* openingsFrom(cron: Cron, timezone: string, fromMs: number): Generator<number> {
  const { year, month, day } = calendarDayAt(fromMs, timezone);
  const first = Date.UTC(year, month - 1, day);
  let lastMs = fromMs - 1;
  for (let n = -1; n < DAYS_MAX; n += 1) {
    const date = new Date(first + n * DAY_MS);
    if (!isDay(cron, date)) continue;
    for (const opening of openingsOfDay(cron, timezone, date)) {
      if (opening <= lastMs) continue;
      lastMs = opening;
      yield opening;
    }
  }
}

function openingsOfDay({ hours, minutes }: Cron, timezone: string, date: Date): number[] {
  const day = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  const instantsAt = clockOf(day, timezone);
  const openings = hours.flatMap((hour) =>
    minutes.flatMap((minute) => {
      const instants = instantsAt(hour, minute);
      return hours.length === 24 ? instants : instants.slice(0, 1);
    }),
  );
  return openings.sort((a, b) => a - b);
}

/** `date` stands for a date of the zone's calendar, in UTC's fields. */
function isDay({ months, days, weekdays }: Cron, date: Date): boolean {
  const day = date.getUTCDate();
  const weekday = date.getUTCDay();
  const isLastDay = new Date(date.getTime() + DAY_MS).getUTCDate() === 1;
  const isLastWeek = new Date(date.getTime() + 7 * DAY_MS).getUTCMonth() !== date.getUTCMonth();
  return (
    months.has(date.getUTCMonth() + 1) &&
    (days.has(day) || (isLastDay && days.has("L"))) &&
    (weekdays.has(weekday) ||
      weekdays.has(`${weekday}#${Math.ceil(day / 7)}`) ||
      (isLastWeek && weekdays.has(`${weekday}L`)))
  );
}
