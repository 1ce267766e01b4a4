/** The pages that list codes, held against the sources: nobody meets one that cannot be looked up. */
import t from "tap";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { ENROL_REFUSAL_CODES } from "../controller/enrol/policy.ts";
import { RefusalCode } from "../protocol/trust/refusal.ts";

const read = (path: string) => readFileSync(path, "utf8");
const sources = execFileSync("git", ["ls-files", "agent", "common", "controller", "firmware-images"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((path) => path.endsWith(".ts") && existsSync(path));

/** What a page shows as a code in the first column of a table. */
function listedIn(page: string): ReadonlySet<string> {
  const firstCells = [...read(page).matchAll(/^\| ((?:`[^`]+`(?:, )?)+) *\|/gm)].map(([, cell = ""]) => cell);
  return new Set(firstCells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)));
}

/** A code is the first argument of an error, also where a condition chooses it, or a field called `code`. */
function codesOf(source: string): string[] {
  const inErrors = [...source.matchAll(/new FerryError\(\s*([^,]*),/g)].flatMap(([, first = ""]) => literalsOf(first));
  const inCalls = [...source.matchAll(/\b(?:usage|body|refuse)\((?:response, \d+, )?("[a-z][a-z-]*"),/g)];
  const inFields = [...source.matchAll(/\bcode: ("[a-z][a-z0-9-]*")/g)];
  return [...inErrors, ...[...inCalls, ...inFields].flatMap(([, literal = ""]) => literalsOf(literal))];
}

function literalsOf(text: string): string[] {
  return [...text.matchAll(/"([a-z][a-z0-9-]*)"/g)].map(([, literal = ""]) => literal);
}

const refusals = RefusalCode.anyOf.map(({ const: code }) => code);

t.test("SECURITY.md lists each reason for which a device refuses, and why an enrolment is refused", async (t) => {
  const listed = listedIn("docs/SECURITY.md");
  t.same(
    [...refusals, ...ENROL_REFUSAL_CODES].filter((code) => !listed.has(code)),
    [],
  );
});

t.test("CODES.md lists each other code, and none that does not exist", async (t) => {
  const listed = listedIn("docs/CODES.md");
  const used = new Set(sources.flatMap((path) => codesOf(read(path))));
  t.ok(used.size > 100, "the sources were read");
  const elsewhere = new Set<string>([...refusals, ...ENROL_REFUSAL_CODES]);
  t.same([...used].filter((code) => !listed.has(code) && !elsewhere.has(code)).sort(), []);
  t.same([...listed].filter((code) => !used.has(code)).sort(), []);
});
