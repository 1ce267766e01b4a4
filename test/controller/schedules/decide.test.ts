import t from "tap";
import { afterRun, eventText, isDue, TRIES_MAX, type Ran } from "../../../controller/schedules/decide.ts";
import type { ScheduleState } from "../../../controller/schedules/schedule-shape.ts";

const HOUR_MS = 3_600_000;
const due: ScheduleState = { dueMs: HOUR_MS, failures: 0, delivered: [] };
const ran: Ran = { atMs: HOUR_MS, deliveries: [], nextMs: 25 * HOUR_MS, backoffMs: 60_000 };
const mail = { to: "mail", problem: "it answered 503" };

t.test("a run is due from its moment on, however long the controller was away", async (t) => {
  t.same([isDue(due, HOUR_MS - 1), isDue(due, HOUR_MS), isDue(due, 99 * HOUR_MS)], [false, true, true]);
  t.notOk(isDue({ ...due, dueMs: null }, 99 * HOUR_MS), "the expression names no date any more");
});

const cases: readonly {
  readonly when: string;
  readonly before: ScheduleState;
  readonly ran: Ran;
  readonly then: { readonly kind: string; readonly state: object };
}[] = [
  {
    when: "every place got it",
    before: { ...due, failures: 2, delivered: ["folder"], lastProblem: "x" },
    ran: { ...ran, deliveries: [{ to: "mail" }] },
    then: { kind: "delivered", state: { dueMs: 25 * HOUR_MS, failures: 0, delivered: [], lastMs: HOUR_MS } },
  },
  {
    when: "one place did not get it: it alone gets it at the next try",
    before: due,
    ran: { ...ran, deliveries: [{ to: "folder" }, mail] },
    then: {
      kind: "again",
      state: { dueMs: HOUR_MS + 60_000, failures: 1, delivered: ["folder"], lastProblem: /^mail: it answered 503$/ },
    },
  },
  {
    when: "the report could not be made",
    before: due,
    ran: { ...ran, deliveries: null, problem: "There is no model digits" },
    then: { kind: "again", state: { failures: 1, lastProblem: "There is no model digits" } },
  },
  {
    when: "it failed too often",
    before: { ...due, failures: TRIES_MAX - 1 },
    ran: { ...ran, deliveries: [mail] },
    then: { kind: "given-up", state: { dueMs: 25 * HOUR_MS, failures: 0, delivered: [] } },
  },
  {
    when: "the next one is due before another try",
    before: due,
    ran: { ...ran, deliveries: [mail], nextMs: HOUR_MS + 30_000 },
    then: { kind: "given-up", state: { dueMs: HOUR_MS + 30_000, failures: 0 } },
  },
  {
    when: "there is no next one, and this one is still tried again",
    before: due,
    ran: { ...ran, deliveries: [mail], nextMs: null },
    then: { kind: "again", state: { dueMs: HOUR_MS + 60_000 } },
  },
];

for (const { when, before, ran: one, then } of cases) {
  t.test(`${then.kind} when ${when}`, async (t) => t.match(afterRun(before, one), then));
}

t.test("the history says when it begins to fail, is given up, and works again, and nothing in between", async (t) => {
  const text = (before: ScheduleState, one: Ran) => eventText("monday", before, afterRun(before, one));
  const failed = { ...ran, deliveries: [mail] };
  t.match(text(due, failed), /monday could not deliver its report, and tries again: mail/);
  t.equal(text({ ...due, failures: 1 }, failed), undefined);
  t.match(text({ ...due, failures: TRIES_MAX - 1 }, failed), /monday gave up a report/);
  t.match(text({ ...due, lastProblem: "x" }, ran), /delivers its report again/);
  t.equal(text(due, ran), undefined);
});
