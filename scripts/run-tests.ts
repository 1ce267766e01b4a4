// Runs tap over the whole suite, or over the files given; a line for each file as it ends, its failures at once, and in the last line
// how many assertions passed and failed. Ends by itself, whatever a test leaves behind. With `--again`, a few files that failed beside
// others run once more, alone: their second run counts, and is told.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The suite takes about 15 minutes on two quiet cores: what is not done after this hangs, and is named and killed. */
const RUN_MS_MAX = 40 * 60_000;
/** More failures than this are no matter of a busy machine. */
const AGAIN_FILES_MAX = 4;
/** Of one failed assertion: its difference, place and source. */
const DIAGNOSIS_LINES_MAX = 60;

/** tap builds its own class from the plugins that `.taprc` names, once for each installation of it. */
const builtStamp = join("node_modules", ".tap-built-for");

function buildTapOnce(): void {
  const wanted = readFileSync(".taprc", "utf8") + readFileSync("package-lock.json", "utf8");
  if (existsSync(builtStamp) && readFileSync(builtStamp, "utf8") === wanted) return;
  const { status, stderr } = spawnSync("tap", ["build"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`tap build failed: ${stderr}`);
  writeFileSync(builtStamp, wanted);
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Run {
  readonly counts: Counts;
  readonly failedFiles: readonly string[];
}

/** tap ends its stream with a comment such as `# { total: 9, pass: 7, fail: 1, skip: 1 }`. */
function readCounts(summary: string): Counts {
  const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

/** Each failed assertion with its diagnosis, then the claims that it belongs to. */
function failuresIn(lines: readonly string[]): string[] {
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

/** `ok 12 - test/common/lru.test.ts # time=1033.7ms`: the line that ends what one file printed. */
function readFileLine(line: string): { file: string; ok: boolean; seconds: string } | undefined {
  const found = /^(not ok|ok) \d+ - (\S+\.ts) # time=([\d.]+)ms/.exec(line);
  if (found === null) return undefined;
  const [, ok, file = "", milliseconds] = found;
  return { file, ok: ok === "ok", seconds: (Number(milliseconds) / 1_000).toFixed(1) };
}

/** Prints each file when it is done, with what failed in it, until the stream has ended. */
async function tell(stream: NodeJS.ReadableStream): Promise<Run> {
  let summary = "";
  let lines: string[] = [];
  const failedFiles: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    const file = readFileLine(line);
    if (file === undefined) {
      lines.push(line);
      if (line.startsWith("# { total:")) summary = line;
      continue;
    }
    console.log(`${file.ok ? "ok    " : "FAILED"} ${file.seconds.padStart(6)} s  ${file.file}`);
    if (!file.ok) {
      console.log(failuresIn(lines).join("\n"));
      failedFiles.push(file.file);
    }
    lines = [];
  }
  return { counts: readCounts(summary), failedFiles };
}

/** tap's own process group: everything that a test started and did not detach. */
function processesOf(group: number): string {
  const all = execFileSync("ps", ["-eo", "pgid,pid,etimes,args"], { encoding: "utf8" }).split("\n");
  return all.filter((line) => line.trim().startsWith(`${String(group)} `)).join("\n");
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

async function run(args: readonly string[]): Promise<Run> {
  const tap = spawn("tap", ["run", "--reporter=tap", ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const group = tap.pid ?? 0;
  tap.stderr.pipe(process.stderr);
  const interrupted = () => {
    killGroup(group);
    process.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupted);
  const deadline = setTimeout(() => {
    const minutes = String(RUN_MS_MAX / 60_000);
    console.log(`FAILED: not done after ${minutes} minutes; still running:\n${processesOf(group)}`);
    killGroup(group);
  }, RUN_MS_MAX);
  const told = tell(tap.stdout);
  const [status] = (await once(tap, "exit")) as [number | null];
  // What a killed test left behind would hold the pipe open.
  killGroup(group);
  const { counts, failedFiles } = await told;
  clearTimeout(deadline);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, interrupted);
  // A run that broke off (a file that could not be loaded, a signal) counts as a failure even where no assertion failed.
  const failed = status === 0 && counts.passed > 0 ? counts.failed : Math.max(1, counts.failed);
  return { counts: { ...counts, failed }, failedFiles };
}

/** The files that failed, one after the other with nothing beside them. */
async function runAgain(first: Run): Promise<Counts> {
  const { counts, failedFiles } = first;
  console.log(`Again, alone: ${failedFiles.join(", ")}`);
  const { counts: second } = await run(["--jobs=1", ...failedFiles]);
  if (second.failed === 0) console.log(`Passed alone, not beside others: ${failedFiles.join(", ")}`);
  return { ...counts, passed: counts.passed + Math.max(0, counts.failed - second.failed), failed: second.failed };
}

buildTapOnce();
const args = process.argv.slice(2);
const first = await run(args.filter((arg) => arg !== "--again"));
const isFew = first.failedFiles.length > 0 && first.failedFiles.length <= AGAIN_FILES_MAX;
const { passed, failed, skipped } = args.includes("--again") && isFew ? await runAgain(first) : first.counts;
console.log(`${String(passed)} passed, ${String(failed)} failed${skipped === 0 ? "" : `, ${String(skipped)} skipped`}`);
process.exit(failed === 0 ? 0 : 1);
