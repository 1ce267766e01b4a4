import t, { type Test } from "tap";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { openLog } from "../../../common/log.ts";
import type { ReportDocument } from "../../../controller/reports/document.ts";
import { openSchedules, type Schedules } from "../../../controller/schedules/open-schedules.ts";
import {
  listSchedules,
  oneSchedule,
  removeSchedule,
  setSchedule,
} from "../../../controller/schedules/schedule-book.ts";
import type { ScheduleSpec } from "../../../controller/schedules/schedule-shape.ts";
import { NOTHING_ELSE, openStore, type Store } from "../../../controller/store/store.ts";
import { listEvents } from "../../../controller/fleet/events.ts";
import { NOW_MS } from "../../support/device-views.ts";
import { manualClock, type ManualClock } from "../../support/manual-clock.ts";
import { EVERYTHING } from "../../support/report-documents.ts";
import { openWebhook, type Webhook } from "../../support/webhook.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SECRET = "0123456789abcdef0123";
const NEVER = new AbortController().signal;
// NOW_MS is noon in UTC.
const spec: ScheduleSpec = {
  ...{ name: "daily", cron: "0 13 * * *", timezone: "UTC", report: "fleet", windowSeconds: 86_400 },
  ...{ formats: ["html", "csv"], toFolder: true, receivers: ["mail"], keep: 2, keepDays: 400 },
};

interface World {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly schedules: Schedules;
  readonly webhook: Webhook;
  readonly files: () => string[];
  /** Reports that were made. */
  readonly made: () => number;
  readonly set: (change?: Partial<ScheduleSpec>) => ReturnType<typeof setSchedule>;
}

async function inWorld(t: Test, body: (world: World) => Promise<void>): Promise<void> {
  const directory = t.testdir();
  process.env["SCHEDULE_TEST_SECRET"] = SECRET;
  await using opened = await openStore(`${directory}/controller.db`);
  await using webhook = await openWebhook();
  const clock = manualClock(NOW_MS);
  let made = 0;
  const schedules = openSchedules({
    store: opened.store,
    read: (question) => {
      made += 1;
      if (question.kind !== "fleet") return Promise.reject(new Error("There is no model digits"));
      const document: ReportDocument = { ...EVERYTHING, atMs: clock.nowMs() };
      return Promise.resolve(document);
    },
    folder: `${directory}/reports`,
    receivers: [{ name: "mail", kind: "webhook", url: webhook.url, secretEnv: "SCHEDULE_TEST_SECRET" }],
    clock,
    random: () => 1,
    log: openLog("controller", "silent"),
  });
  await body({
    store: opened.store,
    clock,
    schedules,
    webhook,
    made: () => made,
    files: () => readdirSync(`${directory}/reports/daily`).sort(),
    set: (change) =>
      setSchedule(opened.store, { spec: { ...spec, ...change }, author: "ada", nowMs: clock.nowMs() }, NOTHING_ELSE),
  });
}

t.test("a report is made when it is due, kept, and sent with a signature that the receiver can check", async (t) =>
  inWorld(t, async ({ clock, schedules, set, files, webhook, store }) => {
    await set();
    await schedules.look(NEVER);
    t.equal(webhook.heard.length, 0, "not before it is due");
    clock.advance(HOUR_MS);
    await schedules.look(NEVER);
    t.same(files(), ["fleet-2026-11-21T13-00.csv", "fleet-2026-11-21T13-00.html"]);
    const [html, csv] = webhook.heard;
    t.match(html?.headers, { "content-type": /text\/html/, "x-modelferry-schedule": "daily" });
    t.match(csv?.headers, { "content-disposition": 'attachment; filename="fleet-2026-11-21T13-00.csv"' });
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(html?.headers["x-modelferry-signature"])) ?? [];
    t.equal(
      hex,
      createHmac("sha256", SECRET)
        .update(`${String(seconds)}.${html?.body ?? ""}`)
        .digest("hex"),
    );
    t.match(await oneSchedule(store, "daily"), {
      state: { dueMs: NOW_MS + DAY_MS + HOUR_MS, lastMs: NOW_MS + HOUR_MS },
    });
    await schedules.look(NEVER);
    t.equal(webhook.heard.length, 2, "once");
  }),
);

t.test("runs that were missed while the controller was away are made up for once, and the oldest files go", async (t) =>
  inWorld(t, async ({ clock, schedules, set, files, made }) => {
    await set({ formats: ["md"], receivers: [] });
    clock.advance(5 * DAY_MS);
    await schedules.look(NEVER);
    await schedules.look(NEVER);
    t.equal(made(), 1);
    t.same(files(), ["fleet-2026-11-26T12-00.md"]);
    for (const day of ["26", "27"]) {
      clock.advance(day === "26" ? HOUR_MS : DAY_MS);
      await schedules.look(NEVER);
    }
    t.same(files(), ["fleet-2026-11-26T13-00.md", "fleet-2026-11-27T13-00.md"], "two runs are kept");
  }),
);

t.test("a receiver that is away gets the report later, and the folder does not get it twice", async (t) =>
  inWorld(t, async ({ clock, schedules, set, files, webhook, store }) => {
    await set({ formats: ["json"] });
    webhook.status = 503;
    clock.advance(HOUR_MS);
    await schedules.look(NEVER);
    const [failed] = await listSchedules(store);
    t.match(failed?.state, { failures: 1, delivered: ["folder"], lastProblem: /mail: it answered 503/ });
    webhook.status = 200;
    clock.advance(60_000);
    await schedules.look(NEVER);
    t.equal(files().length, 1);
    t.equal(webhook.heard.length, 2);
    t.match((await oneSchedule(store, "daily")).state, { failures: 0, lastProblem: undefined });
    const events = await listEvents(store, { limit: 10 });
    t.match(
      events.map(({ text }) => text),
      [/could not deliver its report/, /delivers its report again/],
    );
  }),
);

t.test("a report that cannot be made is named, and other schedules go on", async (t) =>
  inWorld(t, async ({ clock, schedules, set, store, files }) => {
    await set({ name: "a-model", report: "model", subject: "digits", receivers: [] });
    await set({ receivers: [] });
    clock.advance(HOUR_MS);
    await schedules.look(NEVER);
    t.match((await oneSchedule(store, "a-model")).state, { lastProblem: "There is no model digits" });
    t.equal(files().length, 2);
    await t.rejects(schedules.runNow("a-model", NEVER), /There is no model digits/);
  }),
);

t.test("run at once, changed, left as it is, removed", async (t) =>
  inWorld(t, async ({ schedules, set, store, made }) => {
    t.match(await set(), { outcome: "created" });
    const [folder, mail] = await schedules.runNow("daily", NEVER);
    t.match(
      [folder?.files?.map((path) => readFileSync(path, "utf8").length > 0), mail],
      [[true, true], { to: "mail" }],
    );
    t.match(await set(), { outcome: "unchanged", schedule: { state: { dueMs: NOW_MS + HOUR_MS } } });
    t.match(await set({ cron: "0 14 * * *" }), {
      outcome: "changed",
      schedule: { state: { dueMs: NOW_MS + 2 * HOUR_MS } },
    });
    t.equal(made(), 1);
    await removeSchedule(store, "daily", NOTHING_ELSE);
    await t.rejects(removeSchedule(store, "daily", NOTHING_ELSE), { code: "not-found", hint: /ferry schedule list/ });
    await t.rejects(schedules.runNow("daily", NEVER), { code: "not-found" });
  }),
);

t.test("there are no more than a controller has time for", async (t) =>
  inWorld(t, async ({ set }) => {
    for (let n = 0; n < 50; n += 1) await set({ name: `s-${n}` });
    await t.rejects(set({ name: "one-more" }), { code: "too-many-schedules", exitCode: 6 });
  }),
);
