/** Which process comes first: the agent before its runners, and these before a runner that only loads. */
import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";

/** The least share that there is, by sched(7): whatever else wants the processor comes first. */
export const BACKGROUND_NICE = 19;

/**
 * How far runners stand behind the agent. It has little to do and must do it at once: with all processors taken by a model of
 * pictures a probe of `/v2/health/live` waited for 25 ms where both were equal (decision 0007).
 */
const RUNNER_STEP = 5;

/** That of a runner which serves: a nice value, by sched(7). */
export function servingPriority(): number {
  return Math.min(BACKGROUND_NICE, getPriority() + RUNNER_STEP);
}

/**
 * Whether this process may give back what it took: anyone may lower a priority, but raising it again takes RLIMIT_NICE
 * (systemd: LimitNICE) or CAP_SYS_NICE, by setpriority(2).
 */
export function mayRestorePriority(proc = "/proc"): boolean {
  // The limit's unit is 20 less the nice value: 20 stands for 0.
  const limit = /^Max nice priority\s+(\d+|unlimited)/m.exec(textOf(join(proc, "self", "limits")))?.[1] ?? "0";
  const granted = limit === "unlimited" ? Infinity : Number(limit);
  return granted >= 20 - servingPriority() || hasCapability(proc);
}

/** To be called before the process has started a second thread: each thread has a priority of its own. */
export function lowerPriority(pid: number, priority = BACKGROUND_NICE): void {
  try {
    setPriority(pid, priority);
  } catch {
    // The process is gone; whoever waits for it hears so.
  }
}

/** The same at any time, for the threads that it has. False where it is gone, or the system refuses. */
export function keepInBackground(pid: number, proc = "/proc"): boolean {
  return setThreads(pid, BACKGROUND_NICE, proc);
}

/** To that of one that serves, for all threads. False where the system refuses: the process stays in the background. */
export function restorePriority(pid: number, proc = "/proc"): boolean {
  return setThreads(pid, servingPriority(), proc);
}

function setThreads(pid: number, priority: number, proc: string): boolean {
  try {
    for (const thread of readdirSync(join(proc, String(pid), "task"))) setPriority(Number(thread), priority);
    return true;
  } catch {
    return false;
  }
}

/** The number of CAP_SYS_NICE in linux/capability.h. */
const CAP_SYS_NICE = 23n;

function hasCapability(proc: string): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(textOf(join(proc, "self", "status")))?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
