import t from "tap";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeReport } from "../../../controller/cli/report-output.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

const folder = t.testdir();

for (const [name, start] of [
  ["a.html", "<!doctype html>"],
  ["a.md", "# Fleet"],
  ["a.csv", "\uFEFFtable,"],
  ["a.json", "{"],
  ["a.txt", "Fleet"],
] as const) {
  t.test(`${name} is written in the format of its ending`, async (t) => {
    writeReport(EVERYTHING, { out: `${folder}/${name}` });
    t.ok(readFileSync(`${folder}/${name}`, "utf8").startsWith(start));
  });
}

t.test("a folder gets one CSV file for each table", async (t) => {
  writeReport(EVERYTHING, { out: `${folder}/tables/` });
  t.same(readdirSync(`${folder}/tables`), ["findings.csv", "requests.csv"]);
});

t.test("a name that says no format, and HTML for a folder, are refused with what to write", async (t) => {
  t.throws(
    () => {
      writeReport(EVERYTHING, { out: `${folder}/report` });
    },
    { code: "usage", hint: /--format/ },
  );
  t.throws(
    () => {
      writeReport(EVERYTHING, { out: `${folder}/tables/`, format: "html" });
    },
    { code: "usage", hint: /report\.html/ },
  );
  t.notOk(existsSync(`${folder}/report`));
});

t.test("a place that cannot be written is named", async (t) => {
  t.throws(
    () => {
      writeReport(EVERYTHING, { out: "/proc/nowhere/a.html" });
    },
    { code: "cannot-write", message: /nowhere/ },
  );
});
