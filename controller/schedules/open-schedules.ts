/** Makes the reports that are due, one after another, and delivers them. */
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { WebhookConfig } from "../alerts/receiver-config.ts";
import { recordEvent } from "../fleet/events.ts";
import type { ReportDocument } from "../reports/document.ts";
import { renderReport, reportFileName } from "../reports/render-report.ts";
import { reportQuestion, type ReportQuestion } from "../reports/report-question.ts";
import type { Store } from "../store/store.ts";
import { nextRunMs } from "./check-schedule.ts";
import { afterRun, eventText, isDue } from "./decide.ts";
import { keepReport } from "./report-folder.ts";
import { listSchedules, oneSchedule, storeState, type Schedule } from "./schedule-book.ts";
import type { Delivery, ScheduleSpec } from "./schedule-shape.ts";
import { sendReport } from "./send-report.ts";

export interface SchedulePorts {
  readonly store: Store;
  readonly read: (question: ReportQuestion) => Promise<ReportDocument>;
  /** Each schedule has a folder of its name in it. */
  readonly folder: string;
  readonly receivers: readonly WebhookConfig[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface Schedules {
  /** Where the files of a schedule are; undefined where it keeps none. */
  readonly folderOf: (spec: Pick<ScheduleSpec, "name" | "toFolder">) => string | undefined;
  readonly receivers: readonly string[];
  /** At once, whatever the clock says; when it is due next stays. Throws `not-found` for it, or for what it is about. */
  readonly runNow: (name: string, signal: AbortSignal) => Promise<readonly Delivery[]>;
  /** One look at all of them. */
  readonly look: (signal: AbortSignal) => Promise<void>;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Expressions name minutes. */
const LOOK_MS = 5_000;
/** A receiver that is being restarted is back within the first tries; six of them are within two hours. */
const RETRY: BackoffPolicy = { firstMs: 60_000, mostMs: 1_800_000 };

export function openSchedules(ports: SchedulePorts): Schedules {
  const { store, read, folder, receivers, clock, random, log } = ports;
  const folderOf = ({ name, toFolder }: Pick<ScheduleSpec, "name" | "toFolder">) =>
    toFolder ? join(folder, name) : undefined;

  async function deliver(
    spec: ScheduleSpec,
    isOpen: (to: string) => boolean,
    signal: AbortSignal,
  ): Promise<readonly Delivery[]> {
    const { name, report: kind, subject, windowSeconds, formats } = spec;
    const document = await read(reportQuestion({ kind, subject, windowMs: 1_000 * windowSeconds }));
    const nowMs = clock.nowMs();
    const deliveries: Delivery[] = [];
    const own = folderOf(spec);
    if (own !== undefined && isOpen(FOLDER)) {
      const files = formats.map((format) => ({
        name: reportFileName(document, format),
        text: renderReport(document, format),
      }));
      try {
        deliveries.push({ to: FOLDER, files: await keepReport(own, files, spec, nowMs) });
      } catch (thrown) {
        deliveries.push({ to: FOLDER, problem: messageOf(thrown) });
      }
    }
    for (const to of spec.receivers.filter(isOpen)) {
      const receiver = receivers.find((one) => one.name === to);
      const problem =
        receiver === undefined
          ? "controller.json has no such receiver any more"
          : await sendReport(receiver, { schedule: name, document, formats, nowMs }, signal);
      deliveries.push({ to, ...(problem === undefined ? {} : { problem }) });
    }
    return deliveries;
  }

  async function runDue(schedule: Schedule, signal: AbortSignal): Promise<void> {
    const { spec, state } = schedule;
    let deliveries: readonly Delivery[] | null = null;
    let problem: string | undefined;
    try {
      deliveries = await deliver(spec, (to) => !state.delivered.includes(to), signal);
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    // A receiver that was cut off by the end of the program has not failed: the run stays due.
    if (signal.aborted) return;
    const atMs = clock.nowMs();
    const after = afterRun(state, {
      atMs,
      deliveries,
      ...(problem === undefined ? {} : { problem }),
      nextMs: nextRunMs(spec, atMs),
      backoffMs: backoffMs(RETRY, state.failures, random),
    });
    await storeState(store, schedule, after.state);
    const text = eventText(spec.name, state, after);
    if (text !== undefined) await recordEvent(store, { kind: "report-schedule", text }, atMs);
    if (after.kind !== "delivered") {
      log.warn({ schedule: spec.name, error: after.state.lastProblem }, "a scheduled report could not be delivered");
    }
  }

  async function look(signal: AbortSignal): Promise<void> {
    for (const schedule of await listSchedules(store)) {
      if (!signal.aborted && isDue(schedule.state, clock.nowMs())) await runDue(schedule, signal);
    }
  }

  return {
    folderOf,
    receivers: receivers.map(({ name }) => name),
    runNow: async (name, signal) => deliver((await oneSchedule(store, name)).spec, () => true, signal),
    look,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await look(signal);
        } catch (thrown) {
          log.error({ error: messageOf(thrown) }, "schedules could not be looked at; trying again");
        }
        await clock.sleep(LOOK_MS, signal);
      }
    },
  };
}

/** What deliveries call it. */
const FOLDER = "folder";
