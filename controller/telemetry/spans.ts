/** Stretches of time over which records are added up. Part of what the database holds: not to be changed. */
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
