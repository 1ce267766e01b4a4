/** A report that is made by the clock: what an operator asks for, what the database holds, what the API answers. */
import { Type, type Static } from "typebox";
import { RuleName } from "../alerts/alert-rule.ts";
import { ReportKind } from "../reports/document.ts";
import { ReportFormat } from "../reports/render-report.ts";

/** Each makes a report of some seconds' work: together they must leave the controller its time. */
export const SCHEDULES_MAX = 50;
/** More often is what the page, alerts and Prometheus are for. */
export const SPACING_MS_MIN = 5 * 60_000;

export const ScheduleSpec = Type.Object(
  {
    name: RuleName,
    /** Five fields: minute, hour, day of the month, month, weekday. */
    cron: Type.String({ minLength: 9, maxLength: 200 }),
    /** Of the IANA database. */
    timezone: Type.String({ minLength: 1, maxLength: 64, default: "UTC" }),
    report: ReportKind,
    /** As reports have it: a model's name, a device's id, … */
    subject: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    windowSeconds: Type.Integer({ minimum: 60, maximum: 2_678_400, default: 86_400 }),
    formats: Type.Array(ReportFormat, { minItems: 1, maxItems: 5, uniqueItems: true, default: ["html"] }),
    /** Into a folder of the controller, where the newest are kept. */
    toFolder: Type.Boolean({ default: true }),
    /** Names of `reports.receivers` in controller.json. */
    receivers: Type.Array(Type.String({ maxLength: 32 }), { maxItems: 5, uniqueItems: true, default: [] }),
    /** Runs whose files are kept, and for how long: the folder is bounded by both. */
    keep: Type.Integer({ minimum: 1, maximum: 1_000, default: 30 }),
    keepDays: Type.Integer({ minimum: 1, maximum: 3_650, default: 400 }),
  },
  { additionalProperties: false },
);
export type ScheduleSpec = Static<typeof ScheduleSpec>;

/** What one run came to at one place. */
export const Delivery = Type.Object({
  /** `folder`, or the name of a receiver. */
  to: Type.String(),
  /** Absent: it is there. */
  problem: Type.Optional(Type.String()),
  /** Paths of the files, where it is the folder. */
  files: Type.Optional(Type.Array(Type.String())),
});
export type Delivery = Static<typeof Delivery>;

/** What is known of its runs: a controller that starts again neither forgets one nor makes one twice. */
export const ScheduleState = Type.Object({
  /** The next run; null where the expression names no date any more. */
  dueMs: Type.Union([Type.Number(), Type.Null()]),
  /** Failed tries of the run that is due; 0 where none has been tried. */
  failures: Type.Integer(),
  /** Where the run that is due has been delivered already: it is not sent there twice. */
  delivered: Type.Array(Type.String()),
  lastMs: Type.Optional(Type.Number()),
  /** Of the last try: absent where it went well. */
  lastProblem: Type.Optional(Type.String()),
});
export type ScheduleState = Static<typeof ScheduleState>;

export const ScheduleView = Type.Object({
  spec: ScheduleSpec,
  state: ScheduleState,
  author: Type.String(),
  changedMs: Type.Number(),
  /** Where its files are on the controller; absent where it keeps none. */
  folder: Type.Optional(Type.String()),
});
export type ScheduleView = Static<typeof ScheduleView>;
