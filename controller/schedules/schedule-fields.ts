/** The fields of a Schedule's `spec` as a person writes them, and back. What only a controller knows, its receivers, is looked at there. */
import { FerryError } from "../../common/ferry-error.ts";
import { ReportKind } from "../reports/document.ts";
import { REPORT_FORMATS } from "../reports/render-report.ts";
import { reportQuestion } from "../reports/report-question.ts";
import { parseCron } from "../rollout/cron.ts";
import {
  anyText,
  listOf,
  mapOf,
  oneOf,
  shown,
  wholeNumber,
  yesOrNo,
  type Place,
  type Reader,
} from "../rollout/document-reader.ts";
import { spanText } from "../rollout/human-values.ts";
import { span } from "../rollout/rollout-fields.ts";
import { isTimeZone } from "../rollout/wall-clock.ts";
import type { ScheduleSpec } from "./schedule-shape.ts";

/** As ScheduleSpec has it. */
const WINDOW_MS_MIN = 60_000;
const WINDOW_MS_MAX = 31 * 86_400_000;
const WINDOW_MS = 86_400_000;
const RECEIVERS_MAX = 5;
const KEEP = { least: 1, most: 1_000, usual: 30 };
const KEEP_DAYS = { least: 1, most: 3_650, usual: 400 };

const cron: Reader<string> = (value, place) => {
  const text = anyText(value, place);
  if (text === null) return null;
  const parsed = parseCron(text);
  return parsed.kind === "refused" ? place.refuse(parsed.why) : text;
};

const timezone: Reader<string> = (value, place) =>
  typeof value === "string" && isTimeZone(value)
    ? value
    : place.refuse(`there is no time zone ${shown(value)}; write it as Europe/Oslo or UTC`);

const lookBack: Reader<number> = (value, place) => {
  const ms = span(value, place);
  if (ms === null || (ms >= WINDOW_MS_MIN && ms <= WINDOW_MS_MAX && ms % 1_000 === 0)) return ms;
  return place.refuse(`${shown(value)} is not a time from 1m to 31d in whole seconds`);
};

const format = oneOf(...REPORT_FORMATS);
const formats: Reader<ScheduleSpec["formats"]> = (value, place) => {
  const read = listOf(format)(value, place);
  if (read === null) return null;
  return read.length > 0 ? [...new Set(read)] : place.refuse(`name at least one of ${REPORT_FORMATS.join(", ")}`);
};

const receivers: Reader<string[]> = (value, place) => {
  const read = [...new Set(listOf(anyText)(value, place) ?? [])];
  return read.length <= RECEIVERS_MAX ? read : place.refuse(`at most ${RECEIVERS_MAX} receivers get a report`);
};

/** A report's subject is text, and a rollout's number is written as one. */
const subject: Reader<string> = (value, place) =>
  anyText(typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value, place);

function amount({ least, most }: { readonly least: number; readonly most: number }): Reader<number> {
  return (value, place) => {
    const read = wholeNumber(value, place);
    return read === null || (read >= least && read <= most)
      ? read
      : place.refuse(`${read} is not a number from ${least} to ${most}`);
  };
}

const scheduleFields = mapOf(
  {
    cron,
    timezone,
    report: oneOf(...ReportKind.anyOf.map((kind) => kind.const)),
    subject,
    window: lookBack,
    formats,
    folder: yesOrNo,
    receivers,
    keep: amount(KEEP),
    keepDays: amount(KEEP_DAYS),
  },
  ["cron", "report"],
);

/** `name` is the document's own, from its metadata. */
export function readScheduleFields(value: unknown, place: Place, name: string): ScheduleSpec | null {
  const read = scheduleFields(value, place);
  if (read?.cron === undefined || read.report === undefined) return null;
  const { timezone: zone = "UTC", report, subject: about, window: windowMs = WINDOW_MS, folder = true } = read;
  try {
    reportQuestion({ kind: report, subject: about, windowMs });
  } catch (thrown) {
    if (!(thrown instanceof FerryError)) throw thrown;
    return (about === undefined ? place : place.child("subject")).refuse(thrown.message);
  }
  if (!folder && (read.receivers ?? []).length === 0) {
    return place.child("folder").refuse("its report would go nowhere: keep the folder, or name receivers");
  }
  return {
    ...{ name, cron: read.cron, timezone: zone, report, windowSeconds: windowMs / 1_000 },
    ...{ formats: read.formats ?? ["html"], toFolder: folder, receivers: read.receivers ?? [] },
    ...{ keep: read.keep ?? KEEP.usual, keepDays: read.keepDays ?? KEEP_DAYS.usual },
    ...(about === undefined ? {} : { subject: about }),
  };
}

/** As `readScheduleFields` reads it. */
export function scheduleFieldsOf(spec: ScheduleSpec): object {
  const { cron: when, timezone: zone, report, subject: about, windowSeconds, keep, keepDays } = spec;
  return {
    ...{ cron: when, timezone: zone, report },
    ...(about === undefined ? {} : { subject: about }),
    ...{ window: spanText(1_000 * windowSeconds), formats: spec.formats },
    ...{ folder: spec.toFolder, receivers: spec.receivers, keep, keepDays },
  };
}
