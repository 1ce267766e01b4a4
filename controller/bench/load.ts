/** Load on a model and what came of it; knows nothing of how the model is asked. */
import { systemClock } from "../../common/clock.ts";
import { Sketch } from "../../protocol/sketch.ts";

/** Asks once; `answered` is false for anything but a prediction. Never rejects. */
export type Ask = () => Promise<{ readonly answered: boolean; readonly status: string }>;

export type Load =
  /** Closed: so many callers, each asking again as soon as it is answered. */
  | { readonly kind: "callers"; readonly callers: number }
  /** Open: a request is due every 1/n second, whether the ones before are answered or not. */
  | { readonly kind: "rate"; readonly perSecond: number };

export interface Measurement {
  readonly load: Load;
  readonly requests: number;
  readonly failed: number;
  /** How the failed ones ended, with how many did: `429`, `ECONNREFUSED`. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Of answered requests. */
  readonly perSecond: number;
  readonly p50Ms: number | undefined;
  readonly p90Ms: number | undefined;
  readonly p95Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly p999Ms: number | undefined;
  readonly maxMs: number;
}

/** At once under an open load: what is due beyond it counts as failed, `not sent`, and not as a fast answer. */
export const IN_FLIGHT_MAX = 1_024;

interface Tally {
  readonly latencies: Sketch;
  readonly failures: Map<string, number>;
  requests: number;
  maxMs: number;
}

/** Ends when the time is over and what was asked is answered; when aborted, sooner. */
export async function measureLoad(
  ask: Ask,
  load: Load,
  { durationMs }: { readonly durationMs: number },
  signal: AbortSignal,
): Promise<Measurement> {
  const tally: Tally = { latencies: new Sketch(), failures: new Map(), requests: 0, maxMs: 0 };
  const startedMs = systemClock.monotonicMs();
  const isOver = () => signal.aborted || systemClock.monotonicMs() - startedMs >= durationMs;
  if (load.kind === "callers") {
    await Promise.all(Array.from({ length: load.callers }, () => askAgainAndAgain(ask, tally, isOver)));
  } else {
    await askAtRate(ask, tally, { perSecond: load.perSecond, startedMs, durationMs }, signal);
  }
  return measurementOf(tally, load, (systemClock.monotonicMs() - startedMs) / 1_000);
}

async function askAgainAndAgain(ask: Ask, tally: Tally, isOver: () => boolean): Promise<void> {
  while (!isOver()) await askOnce(ask, tally, systemClock.monotonicMs());
}

async function askAtRate(
  ask: Ask,
  tally: Tally,
  { perSecond, startedMs, durationMs }: { perSecond: number; startedMs: number; durationMs: number },
  signal: AbortSignal,
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  const count = Math.floor((perSecond * durationMs) / 1_000);
  for (let at = 0; at < count && !signal.aborted; at += 1) {
    const dueMs = startedMs + (at * 1_000) / perSecond;
    const waitMs = dueMs - systemClock.monotonicMs();
    if (waitMs > 0) await systemClock.sleep(waitMs, signal);
    if (inFlight.size >= IN_FLIGHT_MAX) {
      tally.requests += 1;
      fail(tally, "not sent");
      continue;
    }
    // From when it was due: a late start is the caller's wait too (coordinated omission).
    const request = askOnce(ask, tally, dueMs).finally(() => inFlight.delete(request));
    inFlight.add(request);
  }
  await Promise.all(inFlight);
}

async function askOnce(ask: Ask, tally: Tally, sinceMs: number): Promise<void> {
  const { answered, status } = await ask();
  tally.requests += 1;
  if (!answered) {
    fail(tally, status);
    return;
  }
  const tookMs = systemClock.monotonicMs() - sinceMs;
  tally.latencies.add(tookMs);
  tally.maxMs = Math.max(tally.maxMs, tookMs);
}

function fail({ failures }: Tally, status: string): void {
  failures.set(status, (failures.get(status) ?? 0) + 1);
}

function measurementOf({ latencies, failures, requests, maxMs }: Tally, load: Load, seconds: number): Measurement {
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  return {
    load,
    requests,
    failed,
    failures: Object.fromEntries(failures),
    seconds,
    perSecond: (requests - failed) / seconds,
    p50Ms: latencies.quantile(0.5),
    p90Ms: latencies.quantile(0.9),
    p95Ms: latencies.quantile(0.95),
    p99Ms: latencies.quantile(0.99),
    p999Ms: latencies.quantile(0.999),
    maxMs,
  };
}
