/** What a person watches on the page: how much is asked of each model at the moment, and how fast it answers. */
import type { InferenceEngine } from "../../inference/inference-engine.ts";
import { percentile } from "../../inference/percentile.ts";

export interface SlotFigures {
  /** Over the last RATE_MS, failed ones included. */
  readonly requestsPerSecond: number;
  /** Queue and model together, over the answers of the last RECENT_MS, at most RECENT_MAX; absent: there were none. */
  readonly p95Ms?: number;
  /** Since the agent started. */
  readonly answered: number;
  readonly failed: number;
}

export interface LiveFigures extends Disposable {
  readonly of: (nowMs?: number) => Readonly<Record<string, SlotFigures>>;
}

const RATE_MS = 10_000;
const RECENT_MS = 60_000;
/** For each slot: enough for a 95th percentile that does not jump, 16 kB. */
const RECENT_MAX = 1_000;

interface Recent {
  readonly atMs: number;
  readonly tookMs: number;
}

class SlotWindow {
  readonly #recent: Recent[] = [];
  /** Requests in each second that is looked back at. */
  readonly #seconds = new Map<number, number>();
  answered = 0;
  failed = 0;

  note(nowMs: number, tookMs?: number): void {
    const second = Math.floor(nowMs / 1_000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    for (const old of this.#seconds.keys()) if (old <= second - RATE_MS / 1_000) this.#seconds.delete(old);
    if (tookMs === undefined) {
      this.failed += 1;
      return;
    }
    this.answered += 1;
    this.#recent.push({ atMs: nowMs, tookMs });
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
  }

  figures(nowMs: number): SlotFigures {
    const since = Math.floor((nowMs - RATE_MS) / 1_000);
    const requests = [...this.#seconds].reduce((sum, [second, count]) => sum + (second > since ? count : 0), 0);
    const took = this.#recent.filter(({ atMs }) => nowMs - atMs <= RECENT_MS).map(({ tookMs }) => tookMs);
    const p95Ms = percentile(
      took.sort((one, other) => one - other),
      0.95,
    );
    const { answered, failed } = this;
    const requestsPerSecond = (requests * 1_000) / RATE_MS;
    return { requestsPerSecond, ...(p95Ms === undefined ? {} : { p95Ms }), answered, failed };
  }
}

/** Listens to the engine until disposed of. */
export function openLiveFigures(
  engine: Pick<InferenceEngine, "observe" | "slots">,
  monotonicMs: () => number = () => performance.now(),
): LiveFigures {
  const windows = new Map<string, SlotWindow>();
  const windowOf = (slot: string) => {
    const known = windows.get(slot) ?? new SlotWindow();
    windows.set(slot, known);
    return known;
  };
  const observing = engine.observe({
    answered: (slot, { queueMs, inferMs }) => {
      windowOf(slot).note(monotonicMs(), queueMs + inferMs);
    },
    failed: (slot) => {
      windowOf(slot).note(monotonicMs());
    },
    crashed: () => undefined,
  });
  return {
    of: (nowMs = monotonicMs()) => {
      const served = new Set<string>(engine.slots().map(({ slot }) => slot));
      for (const slot of windows.keys()) if (!served.has(slot)) windows.delete(slot);
      return Object.fromEntries([...served].map((slot) => [slot, windowOf(slot).figures(nowMs)]));
    },
    [Symbol.dispose]: () => {
      observing[Symbol.dispose]();
    },
  };
}
