/** What this month has taken of the link's bytes, kept over restarts; and how finely measurements are told because of it. */
import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import { writeFileDurably } from "../store/durable-file.ts";
import { decideDetail, type DataSituation, type Detail } from "./detail.ts";
import { isSameMonth, monthPassed } from "./month.ts";

/** `data-use.json`. */
const MonthUse = Type.Object({
  /** A trusted time within the month that is counted, milliseconds since 1970; null until there was one. */
  atMs: Type.Union([Type.Number(), Type.Null()]),
  sentBytes: Type.Integer({ minimum: 0 }),
  receivedBytes: Type.Integer({ minimum: 0 }),
});
type MonthUse = Static<typeof MonthUse>;

export interface DataUse extends AsyncDisposable {
  readonly status: () => DataUseStatus;
  /** Saves what is counted, until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface DataUseStatus {
  /** Of this month, by UTC. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly budgetBytes: number | undefined;
  readonly isMetered: boolean;
  readonly detail: Detail;
}

export interface DataUsePorts {
  readonly path: string;
  readonly plan: Pick<DataSituation, "isMetered" | "budgetBytes">;
  /** What the link has carried since the start. */
  readonly traffic: () => { readonly sentBytes: number; readonly receivedBytes: number };
  /** Undefined while nobody trusted has told the time: no month begins or ends then. */
  readonly trustedNowMs: () => number | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often it is looked at whether there is something to save. */
const LOOK_MS = 60_000;
/** A kill forgets at most this much, and a minute; saving costs an fsync. */
const UNSAVED_BYTES_MAX = 65_536;
const UNSAVED_MS_MAX = 3_600_000;
const FILE_BYTES_MAX = 4_096;

const check = gate("data-use.json", MonthUse);

/** A file that cannot be read counts from 0: said in the log. */
export async function openDataUse({ path, plan, traffic, trustedNowMs, clock, log }: DataUsePorts): Promise<DataUse> {
  let month = await read(path, log);
  let counted = { sentBytes: 0, receivedBytes: 0 };
  let saved = month;
  let savedMs = clock.monotonicMs();

  function count(): MonthUse {
    const { sentBytes, receivedBytes } = traffic();
    const nowMs = trustedNowMs();
    const isOver = nowMs !== undefined && month.atMs !== null && nowMs > month.atMs && !isSameMonth(nowMs, month.atMs);
    const before = isOver ? { sentBytes: 0, receivedBytes: 0 } : month;
    month = {
      atMs: nowMs === undefined ? month.atMs : Math.max(nowMs, month.atMs ?? nowMs),
      sentBytes: before.sentBytes + sentBytes - counted.sentBytes,
      receivedBytes: before.receivedBytes + receivedBytes - counted.receivedBytes,
    };
    counted = { sentBytes, receivedBytes };
    return month;
  }

  async function save(): Promise<void> {
    const use = count();
    try {
      await writeFileDurably(path, `${JSON.stringify(use)}\n`);
      saved = use;
      savedMs = clock.monotonicMs();
    } catch (error) {
      log.warn({ path, error: messageOf(error) }, "cannot save what this month has taken of the data budget");
    }
  }

  function isDue(): boolean {
    const use = count();
    const unsavedBytes = use.sentBytes + use.receivedBytes - saved.sentBytes - saved.receivedBytes;
    if (unsavedBytes === 0 && use.atMs === saved.atMs) return false;
    return Math.abs(unsavedBytes) >= UNSAVED_BYTES_MAX || clock.monotonicMs() - savedMs >= UNSAVED_MS_MAX;
  }

  return {
    status: () => {
      const { atMs, sentBytes, receivedBytes } = count();
      const passed = atMs === null ? 0 : monthPassed(atMs);
      const detail = decideDetail({ ...plan, usedBytes: sentBytes + receivedBytes, monthPassed: passed });
      const { isMetered, budgetBytes } = plan;
      return { sentBytes, receivedBytes, isMetered, budgetBytes, detail };
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(LOOK_MS, signal);
        if (isDue()) await save();
      }
    },
    [Symbol.asyncDispose]: save,
  };
}

async function read(path: string, log: Log): Promise<MonthUse> {
  const nothing: MonthUse = { atMs: null, sentBytes: 0, receivedBytes: 0 };
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return nothing;
  try {
    return parseJson("data-use.json", bytes, FILE_BYTES_MAX, check);
  } catch (error) {
    log.warn(
      { path, error: messageOf(error) },
      "what this month has taken of the data budget is not known: counted from 0",
    );
    return nothing;
  }
}
