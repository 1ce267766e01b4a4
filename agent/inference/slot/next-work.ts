/** Which of the requests that wait go to which runner next. Pure. */
import type { Batching } from "../../../protocol/bundle/serving.ts";

/** A request in the queue, as far as it matters here. */
export interface Waiting {
  readonly arrivedMs: number;
  /** Some runner ended while it computed this one, so the next one may as well. */
  readonly isSuspect: boolean;
  /** Its rows, and what only those may differ in; undefined where it must be computed alone. */
  readonly join: { readonly rows: number; readonly key: string } | undefined;
}

/** What a runner that is ready has to do at this moment. */
export interface RunnerLoad {
  /** Handed over and not answered, each of one request or several. */
  readonly batches: number;
  readonly hasSuspect: boolean;
}

export type NextWork =
  /** Both by their place among what was given. */
  | { readonly kind: "take"; readonly runner: number; readonly requests: readonly number[] }
  /** A runner is free, and waits so long for company of the request that came first. */
  | { readonly kind: "wait"; readonly forMs: number }
  | { readonly kind: "nothing" };

/**
 * Handed to a runner at once: the second waits in the channel while the first is computed, so the runner never idles for
 * the way there and back. Measured against 1: 16,000 instead of 6,400 requests a second for a model of 0.04 ms, 11 % more
 * for one of 1 ms. 4 gave nothing more, and hides from the queue how old requests are.
 */
const IN_FLIGHT_MAX = 2;

const NOTHING: NextWork = { kind: "nothing" };

/**
 * In the order of arrival. After a crash, what was in flight is tried alone, on one runner at a time, so that only the
 * culprit is counted as one, and takes no more than one runner with it.
 */
export function nextWork(
  waiting: readonly Waiting[],
  runners: readonly RunnerLoad[],
  batching: Batching | undefined,
  nowMs: number,
): NextWork {
  const suspectAt = waiting.findIndex(({ isSuspect }) => isSuspect);
  const isSuspectDue = suspectAt !== -1 && !runners.some(({ hasSuspect }) => hasSuspect);
  const least = leastLoaded(runners);
  if (least === undefined) return NOTHING;
  if (isSuspectDue && runners[least]?.batches === 0) return { kind: "take", runner: least, requests: [suspectAt] };
  // One runner gets free for the suspect, the others go on.
  const runner = isSuspectDue ? leastLoaded(runners, least) : least;
  const first = waiting.findIndex(({ isSuspect }) => !isSuspect);
  if (runner === undefined || first === -1) return NOTHING;
  return batching === undefined
    ? { kind: "take", runner, requests: [first] }
    : takeBatch(waiting, first, runner, batching, nowMs);
}

/** Of those that may take something more. */
function leastLoaded(runners: readonly RunnerLoad[], except?: number): number | undefined {
  let least: number | undefined;
  for (const [at, { batches, hasSuspect }] of runners.entries()) {
    if (at === except || hasSuspect || batches >= IN_FLIGHT_MAX) continue;
    if (least === undefined || batches < (runners[least]?.batches ?? 0)) least = at;
  }
  return least;
}

function takeBatch(
  waiting: readonly Waiting[],
  first: number,
  runner: number,
  { maxBatch, maxDelayMs = 0 }: Batching,
  nowMs: number,
): NextWork {
  const { join, arrivedMs = 0 } = waiting[first] ?? {};
  const requests = [first];
  if (join === undefined || join.rows >= maxBatch) return { kind: "take", runner, requests };
  let rows = join.rows;
  for (let at = first + 1; at < waiting.length && rows < maxBatch; at += 1) {
    const mate = waiting[at];
    if (mate?.join?.key !== join.key || mate.isSuspect || rows + mate.join.rows > maxBatch) continue;
    rows += mate.join.rows;
    requests.push(at);
  }
  const forMs = arrivedMs + maxDelayMs - nowMs;
  return rows < maxBatch && forMs > 0 ? { kind: "wait", forMs } : { kind: "take", runner, requests };
}
