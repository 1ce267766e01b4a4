/** `ferry-agent doctor`: is this device fit for the agent, and where not, what to do. */
import pc from "picocolors";
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";
import type { Check } from "../doctor/check.ts";
import { gatherFacts } from "../doctor/gather.ts";
import { judge } from "../doctor/judge.ts";
import { table } from "./text.ts";

export interface Diagnosis {
  readonly verdict: Check["verdict"];
  readonly checks: readonly Check[];
}

export async function diagnose(directory: string): Promise<Diagnosis> {
  const checks = judge(await gatherFacts(directory));
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
      const { verdict = "ok", todo } = checks[at] ?? {};
      const painted = PAINT[verdict](line.slice(0, verdict.length)) + line.slice(verdict.length);
      return todo === undefined ? [painted] : [painted, `      ${pc.cyan("do:")} ${todo}`];
    })
    .join("\n");
}
