/** How fast a broadcast goes: a window of frames ahead of the sentinels, adapted to how long frames wait on their way. */

export interface Pace {
  /** Frames that may be on their way, beyond what the pacing sentinel has dealt with. */
  readonly window: number;
  /** What the sentinels deal with, smoothed; 0 until the first is known. */
  readonly framesPerSecond: number;
  /** The median queue delay of the sentinels: told to all in every frame. */
  readonly groupDelayMs: number;
}

/** One look at the sentinels. */
export interface PaceSample {
  /** Frames that the pacing sentinel has dealt with since the last look. */
  readonly frames: number;
  readonly elapsedMs: number;
  readonly queueDelaysMs: readonly number[];
}

/** Frames; fewer, and one round trip a frame is all that is left. */
const WINDOW_MIN = 4;
/** Frames; about 30 MB on their way, which no link of a fleet needs. */
const WINDOW_MAX = 512;
/** The window is never held below this by a low rate, which might be the window's own doing. */
const RATE_WINDOW_MIN = 16;
/**
 * A fleet that is behind slow links as a whole is not told apart from a device that lags before the first delays are known:
 * with 16 frames at once all of five devices at 300 kB/s took themselves for too slow, and the controller sent to each.
 */
export const FIRST_PACE: Pace = { window: WINDOW_MIN, framesPerSecond: 0, groupDelayMs: 0 };
/** The window in time: what is sent in 0.6 s bounds how long a change of the network goes unnoticed. */
const WINDOW_SECONDS = 0.6;
const SHORT_DELAY_MS = 60;
const FAIR_DELAY_MS = 150;
const LONG_DELAY_MS = 300;

/** Not the slowest sentinel, or one device would pace the fleet; low enough that the fleet follows. */
const PACING_PERCENTILE = 0.15;

/** ×1.25 while frames hardly wait, +2 while they wait a little, ×0.7 when they wait long; bounded by the measured rate. */
export function adaptPace(pace: Pace, { frames, elapsedMs, queueDelaysMs }: PaceSample): Pace {
  const nowPerSecond = frames / (elapsedMs / 1_000);
  const framesPerSecond = pace.framesPerSecond === 0 ? nowPerSecond : 0.7 * pace.framesPerSecond + 0.3 * nowPerSecond;
  const groupDelayMs = percentile(queueDelaysMs, 0.5) ?? pace.groupDelayMs;
  const wished = wishedWindow(pace.window, groupDelayMs);
  const rateWindow = Math.max(RATE_WINDOW_MIN, Math.ceil(framesPerSecond * WINDOW_SECONDS));
  const window = Math.max(WINDOW_MIN, Math.min(wished, rateWindow, WINDOW_MAX));
  return { window, framesPerSecond, groupDelayMs };
}

function wishedWindow(window: number, groupDelayMs: number): number {
  if (groupDelayMs < SHORT_DELAY_MS) return Math.ceil(window * 1.25);
  if (groupDelayMs < FAIR_DELAY_MS) return window + 2;
  if (groupDelayMs > LONG_DELAY_MS) return Math.floor(window * 0.7);
  return window;
}

/** After everything on its way was given up for lost. */
export function halvePace(pace: Pace): Pace {
  return { ...pace, window: Math.max(WINDOW_MIN, Math.floor(pace.window / 2)) };
}

/** How far the sentinel that sets the pace has got; undefined without sentinels. */
export function pacingSequence(sequences: readonly number[]): number | undefined {
  return percentile(sequences, PACING_PERCENTILE);
}

function percentile(values: readonly number[], share: number): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];
}

/** At least 16 sentinels, so that the percentile outlives two bad ones; at most 32, so that acknowledgements stay few. */
const SENTINELS_MIN = 16;
const SENTINELS_MOST = 32;
const DEVICES_PER_SENTINEL = 8;

export function sentinelCount(devices: number): number {
  const wished = Math.min(SENTINELS_MOST, Math.max(SENTINELS_MIN, Math.ceil(devices / DEVICES_PER_SENTINEL)));
  return Math.min(devices, wished);
}

/** Evenly spread over the devices, in the order given. */
export function chooseSentinels<T>(devices: readonly T[]): T[] {
  const count = sentinelCount(devices.length);
  return Array.from({ length: count }, (_, at) => devices.slice(Math.floor((at * devices.length) / count))[0]).filter(
    (device) => device !== undefined,
  );
}
