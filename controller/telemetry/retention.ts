/** How long telemetry is kept, and how finely. Pure: the clock comes in. */
import { Type, type Static } from "typebox";
import { FerryError } from "../../common/ferry-error.ts";
import { closedObject } from "../../protocol/schema.ts";
import { HOUR_MS, MINUTE_MS } from "./spans.ts";

const Hours = Type.Integer({ minimum: 1, maximum: 24 * 366 });
const Days = Type.Integer({ minimum: 1, maximum: 3_660 });

/** The part `telemetry` of `controller.json`; what is absent is as in RETENTION. */
export const RetentionConfig = closedObject({
  /** Every record as it came. */
  rawHours: Type.Optional(Hours),
  /** Measurements by the minute, after that. */
  minuteDays: Type.Optional(Days),
  /** Measurements by the hour, after that. */
  hourDays: Type.Optional(Days),
  /** Events and gaps, as they came. */
  eventDays: Type.Optional(Days),
});
export type RetentionConfig = Static<typeof RetentionConfig>;

/**
 * Two days: a gate compares with up to a day before its stage, and a night's incident is looked into the next morning. A
 * week of minutes: this week against last. Thirteen months of hours: this month against the same one a year ago.
 */
export const RETENTION = { rawHours: 48, minuteDays: 7, hourDays: 400, eventDays: 400 } as const;

export interface Retention {
  readonly rawMs: number;
  readonly minuteMs: number;
  readonly hourMs: number;
  readonly eventMs: number;
}

const DAY_MS = 24 * HOUR_MS;

/** Throws `bad-config` where a finer stretch would be kept longer than a coarser one. */
export function retentionOf(config: RetentionConfig = {}): Retention {
  const { rawHours, minuteDays, hourDays, eventDays } = { ...RETENTION, ...config };
  const retention = {
    rawMs: rawHours * HOUR_MS,
    minuteMs: minuteDays * DAY_MS,
    hourMs: hourDays * DAY_MS,
    eventMs: eventDays * DAY_MS,
  };
  const { rawMs, minuteMs, hourMs, eventMs } = retention;
  if (rawMs <= minuteMs && minuteMs <= hourMs && rawMs <= eventMs) return retention;
  throw new FerryError(
    "bad-config",
    `Telemetry cannot be kept for ${rawHours} h raw, ${minuteDays} d by the minute, ${hourDays} d by the hour, events ${eventDays} d: what is coarser is kept longer`,
    { hint: "Give rawHours ≤ 24 × minuteDays, minuteDays ≤ hourDays, and rawHours ≤ 24 × eventDays." },
  );
}

/** What is before these belongs one step further. */
export interface Cutoffs {
  /** Of `received_ms`: older records are added up. */
  readonly rawMs: number;
  /** Of a record's own time, a whole hour: older minutes are added up to hours. */
  readonly minuteMs: number;
  /** Of a record's own time, a whole hour: older hours are deleted. */
  readonly hourMs: number;
  /** Of `received_ms`: older events and gaps are deleted. */
  readonly eventMs: number;
}

export function cutoffsAt(nowMs: number, retention: Retention): Cutoffs {
  const hour = (ageMs: number) => Math.floor((nowMs - ageMs) / HOUR_MS) * HOUR_MS;
  return {
    rawMs: nowMs - retention.rawMs,
    minuteMs: hour(retention.minuteMs),
    hourMs: hour(retention.hourMs),
    eventMs: nowMs - retention.eventMs,
  };
}

/** The stretch that a record of this time belongs to when it is added up: a late one to what its neighbours became. */
export function stretchOf(atMs: number, { minuteMs }: Cutoffs): { readonly spanMs: number; readonly atMs: number } {
  const spanMs = atMs < minuteMs ? HOUR_MS : MINUTE_MS;
  return { spanMs, atMs: Math.floor(atMs / spanMs) * spanMs };
}
