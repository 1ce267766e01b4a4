import { Type } from "typebox";
import { RuleName } from "../alerts/alert-rule.ts";
import { Delivery, ScheduleSpec, ScheduleView } from "../schedules/schedule-shape.ts";
import { route } from "./route.ts";

const params = Type.Object({ schedule: RuleName });

export const SCHEDULE_ROUTES = {
  listSchedules: route({
    method: "GET",
    path: "/api/v1/schedules",
    tag: "reports",
    summary: "Reports that are made by the clock: when, about what, where they go, and what became of the last one",
    role: "viewer",
    result: Type.Object({
      schedules: Type.Array(ScheduleView),
      /** Of controller.json: where reports can go besides the controller's own folder. */
      receivers: Type.Array(Type.String()),
    }),
  }),
  setSchedule: route({
    method: "POST",
    path: "/api/v1/schedules",
    tag: "reports",
    summary: "Adds a schedule, in the place of one of the same name",
    role: "operator",
    changes: true,
    body: ScheduleSpec,
    result: Type.Object({
      schedule: ScheduleView,
      outcome: Type.Union([Type.Literal("created"), Type.Literal("changed"), Type.Literal("unchanged")]),
    }),
  }),
  deleteSchedule: route({
    method: "DELETE",
    path: "/api/v1/schedules/:schedule",
    tag: "reports",
    summary: "Forgets a schedule; files that it made stay",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ name: RuleName, folder: Type.Optional(Type.String()) }),
  }),
  runSchedule: route({
    method: "POST",
    path: "/api/v1/schedules/:schedule/run",
    tag: "reports",
    summary: "Makes its report and delivers it at once; when it is due next stays",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ deliveries: Type.Array(Delivery) }),
  }),
} as const;
