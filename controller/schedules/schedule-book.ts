/** Schedules as rows: the database says what is due, so that a restart changes nothing. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { gate } from "../../protocol/schema.ts";
import type { InTransaction, Store } from "../store/store.ts";
import type { ScheduleRow } from "../store/tables.ts";
import { nextRunMs } from "./check-schedule.ts";
import { SCHEDULES_MAX, ScheduleSpec, ScheduleState } from "./schedule-shape.ts";

export interface Schedule {
  readonly spec: ScheduleSpec;
  readonly state: ScheduleState;
  readonly author: string;
  readonly changedMs: number;
}

const readSpec = gate("stored schedule", ScheduleSpec);
const readState = gate("stored state of a schedule", ScheduleState);

/** By name. */
export async function listSchedules(store: Store): Promise<readonly Schedule[]> {
  const rows = await store.selectFrom("schedules").selectAll().orderBy("name").execute();
  return rows.map(scheduleOf);
}

/** Throws `not-found`. */
export async function oneSchedule(store: Store, name: string): Promise<Schedule> {
  const row = await store.selectFrom("schedules").selectAll().where("name", "=", name).executeTakeFirst();
  if (row === undefined) throw noSchedule(name);
  return scheduleOf(row);
}

function scheduleOf({ spec_json, state_json, author, changed_ms: changedMs }: ScheduleRow): Schedule {
  return { spec: readSpec(JSON.parse(spec_json)), state: readState(JSON.parse(state_json)), author, changedMs };
}

export type Outcome = "created" | "changed" | "unchanged";

/** In the place of one of its name. What is so already goes on as it was. Throws `too-many-schedules`. */
export async function setSchedule(
  store: Store,
  { spec, author, nowMs }: { readonly spec: ScheduleSpec; readonly author: string; readonly nowMs: number },
  also: InTransaction,
): Promise<{ readonly schedule: Schedule; readonly outcome: Outcome }> {
  return store.transaction().execute(async (trx) => {
    const rows = await trx.selectFrom("schedules").selectAll().execute();
    const before = rows.find(({ name }) => name === spec.name);
    const spec_json = JSON.stringify(spec);
    if (before?.spec_json === spec_json) return { schedule: scheduleOf(before), outcome: "unchanged" };
    if (before === undefined && rows.length >= SCHEDULES_MAX) {
      throw new FerryError("too-many-schedules", `There are ${SCHEDULES_MAX} schedules already`, {
        hint: "Remove one with `ferry schedule remove NAME`, or let one have several formats.",
        exitCode: EXIT.conflict,
      });
    }
    const last = before === undefined ? undefined : readState(JSON.parse(before.state_json)).lastMs;
    const state: ScheduleState = {
      dueMs: nextRunMs(spec, nowMs),
      failures: 0,
      delivered: [],
      ...(last === undefined ? {} : { lastMs: last }),
    };
    const values = { spec_json, state_json: JSON.stringify(state), author, changed_ms: nowMs };
    await trx
      .insertInto("schedules")
      .values({ name: spec.name, ...values })
      .onConflict((conflict) => conflict.column("name").doUpdateSet(values))
      .execute();
    await also(trx);
    const outcome = before === undefined ? "created" : "changed";
    return { schedule: { spec, state, author, changedMs: nowMs }, outcome };
  });
}

/** Nothing where it was changed or removed meanwhile: `changedMs` tells. */
export async function storeState(store: Store, { spec, changedMs }: Schedule, state: ScheduleState): Promise<void> {
  await store
    .updateTable("schedules")
    .set({ state_json: JSON.stringify(state) })
    .where("name", "=", spec.name)
    .where("changed_ms", "=", changedMs)
    .execute();
}

/** Throws `not-found`. */
export async function removeSchedule(store: Store, name: string, also: InTransaction): Promise<void> {
  await store.transaction().execute(async (trx) => {
    const { numDeletedRows } = await trx.deleteFrom("schedules").where("name", "=", name).executeTakeFirst();
    if (numDeletedRows === 0n) throw noSchedule(name);
    await also(trx);
  });
}

function noSchedule(name: string): FerryError {
  return new FerryError("not-found", `There is no schedule ${name}`, {
    hint: "See them with: ferry schedule list",
    exitCode: EXIT.notFound,
  });
}
