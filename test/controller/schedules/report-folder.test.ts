import t from "tap";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { keepReport, tooMany } from "../../../controller/schedules/report-folder.ts";

const NOW_MS = Date.parse("2026-11-28T12:00:00Z");
const run = (day: string, format = "html") => `fleet-2026-11-${day}T07-00.${format}`;

t.test("the newest runs are kept, all formats of each, and none for too long", async (t) => {
  const names = [run("28"), run("28", "csv"), run("27"), run("26"), run("01"), "notes.txt", "fleet.html"];
  t.same(tooMany(names, { keep: 2, keepDays: 400 }, NOW_MS).sort(), [run("01"), run("26")]);
  t.same(tooMany(names, { keep: 100, keepDays: 7 }, NOW_MS), [run("01")]);
  t.same(tooMany(names, { keep: 100, keepDays: 400 }, NOW_MS), []);
});

t.test("files are written for their owner alone, and what is somebody's own stays", async (t) => {
  const folder = `${t.testdir()}/monday`;
  const kept = { keep: 1, keepDays: 400 };
  const [path = ""] = await keepReport(folder, [{ name: run("27"), text: "old" }], kept, NOW_MS);
  t.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(`${folder}/mine.html`, "mine");
  await keepReport(folder, [{ name: run("28"), text: "new" }], kept, NOW_MS);
  t.same(readdirSync(folder).sort(), [run("28"), "mine.html"]);
  t.equal(readFileSync(`${folder}/${run("28")}`, "utf8"), "new");
});
