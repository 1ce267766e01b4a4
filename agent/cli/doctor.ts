/** `ferry-agent doctor`: is this device fit for the agent, and where not, what to do. */
import pc from "picocolors";
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";
import type { Check } from "../doctor/check.ts";
import { gatherFacts, type FindProviders } from "../doctor/gather.ts";
import { judge } from "../doctor/judge.ts";
import { table } from "./text.ts";

export interface Diagnosis {
  readonly verdict: Check["verdict"];
  readonly checks: readonly Check[];
}

export async function diagnose(directory: string, findProviders?: FindProviders): Promise<Diagnosis> {
  const checks = judge(await gatherFacts(directory, findProviders));
  const has = (verdict: Check["verdict"]) => checks.some((check) => check.verdict === verdict);
  return { verdict: has("fail") ? "fail" : has("warn") ? "warn" : "ok", checks };
}

/** What only deserves a look stops nothing. */
export function exitCodeOf({ verdict }: Diagnosis): ExitCode {
  return verdict === "fail" ? EXIT.failed : EXIT.ok;
}

const PAINT = { ok: pc.green, warn: pc.yellow, fail: pc.red } as const;

export function diagnosisText({ checks }: Diagnosis): string {
  const lines = table(checks.map(({ name, verdict, found }) => [verdict, name, found]));
  return lines
    .flatMap((line, at) => {
      const { verdict = "ok", todo, more = [] } = checks[at] ?? {};
      const painted = PAINT[verdict](line.slice(0, verdict.length)) + line.slice(verdict.length);
      const below = [...more.map((text) => pc.dim(text)), ...(todo === undefined ? [] : [`${pc.cyan("do:")} ${todo}`])];
      return [painted, ...below.map((text) => `      ${text}`)];
    })
    .join("\n");
}

/** The last line, for whoever reads no table. */
export function verdictText({ checks }: Diagnosis): string {
  const count = (verdict: Check["verdict"]) => checks.filter((check) => check.verdict === verdict).length;
  const [toDo, toLookAt] = [count("fail"), count("warn")];
  const things = (number: number) => (number === 1 ? "1 thing" : `${String(number)} things`);
  if (toDo > 0) return `${things(toDo)} must be done before the agent works here.`;
  return `This device is fit for the agent${toLookAt === 0 ? "." : `; ${things(toLookAt)} to look at.`}`;
}
