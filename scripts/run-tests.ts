// Runs tap over the whole suite, or over the files given, and says in the last line how many assertions passed and failed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** tap builds its own class from the plugins that `.taprc` names, once for each installation of it. */
const builtStamp = join("node_modules", ".tap-built-for");

function buildTapOnce(): void {
  const wanted = readFileSync(".taprc", "utf8") + readFileSync("package-lock.json", "utf8");
  if (existsSync(builtStamp) && readFileSync(builtStamp, "utf8") === wanted) return;
  const { status, stderr } = spawnSync("tap", ["build"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`tap build failed: ${stderr}`);
  writeFileSync(builtStamp, wanted);
}

/** tap ends its stream with a comment such as `# { total: 9, pass: 7, fail: 1, skip: 1 }`. */
function readCounts(tapOutput: string): { passed: number; failed: number; skipped: number } {
  const summary = [...tapOutput.matchAll(/^# \{ (total: .*) \}$/gm)].at(-1)?.[1] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

/** Each failed assertion with its diagnosis, then the claims and the file that it belongs to. */
function failuresIn(tapOutput: string): string[] {
  const lines = tapOutput.split("\n");
  return lines.flatMap((line, at) => {
    const indent = /^( *)not ok /.exec(line)?.[1];
    if (indent === undefined) return [];
    // A subtest says how long it took; its own diagnosis only repeats where it begins.
    if (line.includes(" # time=")) return [line];
    const diagnosis = lines.slice(at + 1, at + 1 + DIAGNOSIS_LINES_MAX);
    const end = diagnosis.indexOf(`${indent}  ...`);
    return [line, ...diagnosis.slice(0, end < 0 ? diagnosis.length : end)];
  });
}

/** Of one failed assertion: its difference, place and source. */
const DIAGNOSIS_LINES_MAX = 60;

buildTapOnce();
const folder = mkdtempSync(join(tmpdir(), "modelferry-test-"));
try {
  const outputFile = join(folder, "results.tap");
  const reporter = process.stdout.isTTY ? "base" : "silent";
  const tap = spawnSync(
    "tap",
    ["run", `--reporter=${reporter}`, `--output-file=${outputFile}`, ...process.argv.slice(2)],
    {
      stdio: "inherit",
    },
  );
  const output = existsSync(outputFile) ? readFileSync(outputFile, "utf8") : "";
  const counts = readCounts(output);
  if (!process.stdout.isTTY) console.log(failuresIn(output).join("\n"));
  // A run that broke off (a file that could not be loaded, a signal) counts as a failure even where no assertion failed.
  const failed = tap.status === 0 && counts.passed > 0 ? counts.failed : Math.max(1, counts.failed);
  const skipped = counts.skipped === 0 ? "" : `, ${String(counts.skipped)} skipped`;
  console.log(`${String(counts.passed)} passed, ${String(failed)} failed${skipped}`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
