import type { Clock } from "../../../common/clock.ts";
import { checkSchedule } from "../../schedules/check-schedule.ts";
import type { Schedules } from "../../schedules/open-schedules.ts";
import {
  listSchedules,
  oneSchedule,
  removeSchedule,
  setSchedule,
  type Schedule,
} from "../../schedules/schedule-book.ts";
import type { ScheduleView } from "../../schedules/schedule-shape.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { SCHEDULE_ROUTES } from "../schedule-routes.ts";

export interface ScheduleHandlerPorts {
  readonly store: Store;
  readonly schedules: Schedules;
  readonly clock: Clock;
  /** Ends with the program. */
  readonly signal: AbortSignal;
}

export function scheduleHandlers({
  store,
  schedules,
  clock,
  signal,
}: ScheduleHandlerPorts): Pick<Handlers, keyof typeof SCHEDULE_ROUTES> {
  const view = (schedule: Schedule): ScheduleView => {
    const folder = schedules.folderOf(schedule.spec);
    return { ...schedule, ...(folder === undefined ? {} : { folder }) };
  };
  return {
    listSchedules: async () => ({
      schedules: (await listSchedules(store)).map(view),
      receivers: [...schedules.receivers],
    }),
    setSchedule: async ({ body: spec }, { operator, audit }) => {
      const nowMs = clock.nowMs();
      checkSchedule(spec, schedules.receivers, nowMs);
      const { name, cron, timezone, report, subject } = spec;
      const detail = `${report}${subject === undefined ? "" : ` ${subject}`} at ${cron} (${timezone})`;
      const set = { spec, author: operator.name, nowMs };
      const { schedule, outcome } = await setSchedule(store, set, audit({ target: `schedule ${name}`, detail }));
      return { schedule: view(schedule), outcome };
    },
    deleteSchedule: async ({ params: { schedule: name } }, { audit }) => {
      const { spec } = await oneSchedule(store, name);
      await removeSchedule(store, name, audit({ target: `schedule ${name}` }));
      const folder = schedules.folderOf(spec);
      return { name, ...(folder === undefined ? {} : { folder }) };
    },
    runSchedule: async ({ params: { schedule: name } }, { audit }) => {
      const deliveries = await schedules.runNow(name, signal);
      const detail = deliveries.map(({ to, problem }) => `${to}: ${problem ?? "delivered"}`).join("; ");
      await store.transaction().execute(audit({ target: `schedule ${name}`, detail: detail.slice(0, 500) }));
      return { deliveries: [...deliveries] };
    },
  };
}
