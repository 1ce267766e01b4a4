/** When a schedule runs, and what becomes of it after a run. Pure. */
import { unreachable } from "../../protocol/unreachable.ts";
import type { Delivery, ScheduleState } from "./schedule-shape.ts";

/** A place that cannot be reached is tried again so often before the run is given up. */
export const TRIES_MAX = 6;

export interface Ran {
  readonly atMs: number;
  /** What this try came to; only places that had not got it before. Null: the report itself could not be made. */
  readonly deliveries: readonly Delivery[] | null;
  /** Why there is no report. */
  readonly problem?: string;
  /** By the expression, after `atMs`; null where there is none. */
  readonly nextMs: number | null;
  /** How long to wait before another try. */
  readonly backoffMs: number;
}

/** What has been missed while the controller was away is made up for once, however often it was due. */
export function isDue({ dueMs }: ScheduleState, nowMs: number): boolean {
  return dueMs !== null && dueMs <= nowMs;
}

export type AfterRun =
  | { readonly kind: "delivered"; readonly state: ScheduleState }
  | { readonly kind: "again"; readonly state: ScheduleState }
  | { readonly kind: "given-up"; readonly state: ScheduleState };

export function afterRun(before: ScheduleState, ran: Ran): AfterRun {
  const { atMs, nextMs, backoffMs } = ran;
  const problem = problemOf(ran);
  if (problem === undefined) {
    return { kind: "delivered", state: { dueMs: nextMs, failures: 0, delivered: [], lastMs: atMs } };
  }
  const failures = before.failures + 1;
  const again = atMs + backoffMs;
  const told = { lastMs: atMs, lastProblem: problem };
  // What is due next is newer than what could not be delivered.
  if (failures >= TRIES_MAX || (nextMs !== null && again >= nextMs)) {
    return { kind: "given-up", state: { dueMs: nextMs, failures: 0, delivered: [], ...told } };
  }
  const got = (ran.deliveries ?? []).filter((delivery) => delivery.problem === undefined).map(({ to }) => to);
  return { kind: "again", state: { dueMs: again, failures, delivered: [...before.delivered, ...got], ...told } };
}

function problemOf({ deliveries, problem }: Ran): string | undefined {
  if (deliveries === null) return problem ?? "the report could not be made";
  const failed = deliveries.filter((delivery) => delivery.problem !== undefined);
  return failed.length === 0 ? undefined : failed.map(({ to, problem: why = "" }) => `${to}: ${why}`).join("; ");
}

/** For the history of the fleet: said when it begins to fail, when it is given up, and when it works again. */
export function eventText(name: string, before: ScheduleState, after: AfterRun): string | undefined {
  const { lastProblem = "" } = after.state;
  switch (after.kind) {
    case "delivered":
      return before.lastProblem === undefined ? undefined : `Schedule ${name} delivers its report again`;
    case "again":
      return before.failures > 0
        ? undefined
        : `Schedule ${name} could not deliver its report, and tries again: ${lastProblem}`;
    case "given-up":
      return `Schedule ${name} gave up a report: ${lastProblem}`;
    default:
      return unreachable(after);
  }
}
