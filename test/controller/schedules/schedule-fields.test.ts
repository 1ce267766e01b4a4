import t from "tap";
import { placeIn, type Refusal } from "../../../controller/rollout/document-reader.ts";
import { readScheduleFields, scheduleFieldsOf } from "../../../controller/schedules/schedule-fields.ts";
import type { ScheduleSpec } from "../../../controller/schedules/schedule-shape.ts";

const spec: ScheduleSpec = {
  name: "digits-drift",
  cron: "0 6 * * *",
  timezone: "Europe/Oslo",
  report: "drift",
  subject: "digits",
  windowSeconds: 604_800,
  formats: ["html", "csv"],
  toFolder: false,
  receivers: ["mail"],
  keep: 7,
  keepDays: 30,
};

function read(fields: object) {
  const refusals: Refusal[] = [];
  const schedule = readScheduleFields(fields, placeIn(refusals), "monday");
  return { schedule, refusals };
}

t.test("a schedule is read from its own fields as the same schedule", async (t) => {
  const { schedule, refusals } = read(scheduleFieldsOf(spec));
  t.same(schedule, { ...spec, name: "monday" });
  t.same(refusals, []);
});

t.test("a schedule needs only to say when and what", async (t) => {
  t.same(read({ cron: "0 7 * * 1", report: "fleet" }).schedule, {
    ...{ name: "monday", cron: "0 7 * * 1", timezone: "UTC", report: "fleet", windowSeconds: 86_400 },
    ...{ formats: ["html"], toFolder: true, receivers: [], keep: 30, keepDays: 400 },
  });
  t.match(read({ cron: "0 7 * * 1", report: "rollout", subject: 7 }).schedule, { subject: "7" });
});

const mistakes: readonly (readonly [fields: object, path: readonly string[], says: RegExp])[] = [
  [{ cron: "0 7 * *" }, ["cron"], /five fields/],
  [{ cron: 7 }, ["cron"], /not text/],
  [{ timezone: "Oslo" }, ["timezone"], /no time zone "Oslo"/],
  [{ report: "flet" }, ["report"], /did you mean fleet/],
  [{ report: "model" }, [], /A model report is about the name of a model/],
  [{ subject: "digits" }, ["subject"], /whole fleet and has no subject/],
  [{ window: "40d" }, ["window"], /from 1m to 31d/],
  [{ formats: ["pdf"] }, ["formats", "0"], /none of/],
  [{ formats: [] }, ["formats"], /at least one/],
  [{ receivers: ["a", "b", "c", "d", "e", "f"] }, ["receivers"], /at most 5/],
  [{ folder: false }, ["folder"], /go nowhere/],
  [{ keep: 0 }, ["keep"], /0 is not a number from 1 to 1000/],
  [{ colour: "blue" }, ["colour"], /no field "colour"/],
];
for (const [fields, path, says] of mistakes) {
  t.test(`${JSON.stringify(fields)} is refused where it stands`, async (t) => {
    const { refusals } = read({ cron: "0 7 * * 1", report: "fleet", ...fields });
    t.match(
      refusals.map((refusal) => ({ path: refusal.path.map(String), text: refusal.text })),
      [{ path, text: says }],
    );
  });
}
