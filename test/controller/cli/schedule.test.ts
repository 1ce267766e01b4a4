/** Schedules as an operator meets them: commands against a whole controller. */
import t from "tap";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openTestController } from "../../support/controller-api.ts";
import { runFerry } from "../../support/ferry-commands.ts";

t.test("ferry schedule", async (t) => {
  const home = join(t.testdir(), "home");
  await using controller = await openTestController(home);
  const ferry = (...args: string[]) => runFerry([...args, "--controller", controller.httpUrl], { FERRY_HOME: home });

  const none = await ferry("schedule", "list");
  t.match(none.stdout + none.stderr, "No schedule yet. Make one with: ferry schedule create");
  const cron = ["--cron", "0 7 * * 1", "--timezone", "Europe/Oslo", "--window", "7d", "--format", "html", "csv"];
  const created = await ferry("schedule", "create", "monday", ...cron);
  t.match(created.stdout, /schedule monday created: next on .* html, csv to .*\/reports\/monday/);
  t.match(created.stderr, "next: ferry schedule run monday");
  t.match((await ferry("schedule", "create", "monday", ...cron)).stdout, "unchanged");
  const wrong = await ferry("schedule", "create", "often", "--cron", "* * * * *");
  t.match([wrong.code, wrong.stderr], [2, /more than once in five minutes/]);

  const run = await ferry("schedule", "run", "monday");
  t.match(run.stdout, /reports\/monday\/fleet-.*\.html\n.*\.csv/);
  t.ok(existsSync(join(home, "controller", "reports", "monday")));
  t.match((await ferry("schedule", "list")).stdout, /monday +fleet +0 7 \* \* 1 +Europe\/Oslo +in /);
  const removed = await ferry("schedule", "remove", "monday");
  t.match([removed.stdout, removed.stderr], [/monday is removed/, /What it made stays on the controller/]);
  t.match((await ferry("schedule", "remove", "monday")).code, 3);
  const { entries } = await controller.client.listAudit({ query: { limit: 10 } });
  t.same(
    entries.filter(({ target }) => target === "schedule monday").map(({ action }) => action),
    ["setSchedule", "runSchedule", "deleteSchedule"],
  );
});
