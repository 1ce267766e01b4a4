/** Keeps the database as small as the retention says, beside the ingest: many short transactions, never a long one. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { Store } from "../store/store.ts";
import { coarsenTotals, expireHours, expireRecords, minutesToHours } from "./coarsen.ts";
import { cutoffsAt, type Retention } from "./retention.ts";
import { FROM_THE_START, rollUpRecords, type RollUpCursor } from "./roll-up-records.ts";

export interface RollUpPorts {
  readonly store: Store;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly log: Log;
}

/** Since the start; for people and for Prometheus. */
export interface RollUpCounters {
  /** Records that became part of a sum. */
  rolled: number;
  failures: number;
}

export interface RollUp {
  readonly counters: Readonly<RollUpCounters>;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Rows of one transaction: some 20 ms of work, which an ingest can wait. */
const SLICE_ROWS = 500;
/** Between two slices while there is more to do: ten thousand devices send 1,400 records a second, and this takes 5,000. */
const PAUSE_MS = 60;
/** When there is nothing more to do. */
const REST_MS = 10_000;

export function createRollUp({ store, retention, clock, log }: RollUpPorts): RollUp {
  const counters: RollUpCounters = { rolled: 0, failures: 0 };
  // No record is ever stored before one that is there already, so what was passed once need not be looked at again.
  let cursor: RollUpCursor = FROM_THE_START;

  /** False when nothing is left to do. */
  async function step(): Promise<boolean> {
    const cutoffs = cutoffsAt(clock.nowMs(), retention);
    const slice = await rollUpRecords(store, cursor, { cutoffs, limit: SLICE_ROWS });
    cursor = slice.cursor;
    counters.rolled += slice.rolled;
    if (slice.isFull) return true;
    for (const work of [minutesToHours, expireHours, coarsenTotals, expireRecords]) {
      if (await work(store, cutoffs, SLICE_ROWS)) return true;
    }
    return false;
  }

  return {
    counters,
    run: async (signal) => {
      while (!signal.aborted) {
        let isMore = false;
        try {
          isMore = await step();
        } catch (error) {
          counters.failures += 1;
          log.error({ error: messageOf(error) }, "telemetry could not be rolled up; trying again");
        }
        await clock.sleep(isMore ? PAUSE_MS : REST_MS, signal);
      }
    },
  };
}
