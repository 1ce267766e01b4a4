/** What is wrong with a schedule, in words. Pure. */
import { reportQuestion } from "../reports/report-question.ts";
import { openingsFrom, parseCron } from "../rollout/cron.ts";
import { isTimeZone } from "../rollout/wall-clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { SPACING_MS_MIN, type ScheduleSpec } from "./schedule-shape.ts";

/** Openings looked at: a day of the most frequent expression that is allowed. */
const OPENINGS_LOOKED_AT = 288;

/** Throws `bad-schedule`, or `bad-request` where the report has no such subject. */
export function checkSchedule(spec: ScheduleSpec, receivers: readonly string[], nowMs: number): void {
  const { cron: text, timezone, report: kind, subject, windowSeconds, toFolder } = spec;
  const parsed = parseCron(text);
  if (parsed.kind === "refused") throw badSchedule(parsed.why, 'Write it like "0 7 * * 1": at seven on Mondays.');
  if (!isTimeZone(timezone)) {
    throw badSchedule(`There is no time zone ${JSON.stringify(timezone)}`, "Write it as Europe/Oslo or UTC.");
  }
  reportQuestion({ kind, subject, windowMs: 1_000 * windowSeconds });
  const unknown = spec.receivers.filter((name) => !receivers.includes(name));
  if (unknown.length > 0) {
    const there = receivers.length === 0 ? "there is none" : `there are ${receivers.join(", ")}`;
    throw badSchedule(
      `There is no receiver ${unknown.join(", ")} of reports: ${there}`,
      "Receivers are named under reports.receivers of controller.json; docs/MONITORING.md has an example.",
    );
  }
  if (!toFolder && spec.receivers.length === 0) {
    throw badSchedule("Its report would go nowhere", "Keep the folder, or name a receiver.");
  }
  const openings: number[] = [];
  for (const opening of openingsFrom(parsed.cron, timezone, nowMs)) {
    const last = openings.at(-1);
    if (last !== undefined && opening - last < SPACING_MS_MIN) {
      throw badSchedule(
        `${JSON.stringify(text)} is due more than once in five minutes`,
        'A report is made at most every five minutes, as by "*/5 * * * *".',
      );
    }
    openings.push(opening);
    if (openings.length >= OPENINGS_LOOKED_AT) break;
  }
  if (openings.length === 0) {
    throw badSchedule(`${JSON.stringify(text)} names no date of the next ten years`, 'Write it like "0 7 * * *".');
  }
}

/** The first moment after `afterMs`; null where the expression names none within ten years. */
export function nextRunMs(
  { cron: text, timezone }: Pick<ScheduleSpec, "cron" | "timezone">,
  afterMs: number,
): number | null {
  const parsed = parseCron(text);
  if (parsed.kind === "refused") return null;
  for (const opening of openingsFrom(parsed.cron, timezone, afterMs + 1)) return opening;
  return null;
}

function badSchedule(message: string, hint: string): FerryError {
  return new FerryError("bad-schedule", message, { hint, exitCode: EXIT.usage });
}
