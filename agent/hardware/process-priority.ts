/** Lets a process have what others leave of the processor, and takes that back. */
import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join } from "node:path";

/** The least share that there is, by sched(7): whatever else wants the processor comes first. */
export const BACKGROUND_NICE = 19;

/**
 * Whether this process may give back what it took: anyone may lower a priority, but raising it again takes RLIMIT_NICE
 * (systemd: LimitNICE) or CAP_SYS_NICE, by setpriority(2).
 */
export function mayRestorePriority(proc = "/proc"): boolean {
  // The limit's unit is 20 less the nice value: 20 stands for 0.
  const limit = /^Max nice priority\s+(\d+|unlimited)/m.exec(textOf(join(proc, "self", "limits")))?.[1] ?? "0";
  const granted = limit === "unlimited" ? Infinity : Number(limit);
  return granted >= 20 - getPriority() || hasCapability(proc);
}

/** To be called before the process has started a second thread: each thread has a priority of its own. */
export function lowerPriority(pid: number): void {
  try {
    setPriority(pid, BACKGROUND_NICE);
  } catch {
    // The process is gone; whoever waits for it hears so.
  }
}

/** The same at any time, for the threads that it has. False where it is gone, or the system refuses. */
export function keepInBackground(pid: number, proc = "/proc"): boolean {
  return setThreads(pid, BACKGROUND_NICE, proc);
}

/** To that of this process, for all threads. False where the system refuses: the process stays in the background. */
export function restorePriority(pid: number, proc = "/proc"): boolean {
  return setThreads(pid, getPriority(), proc);
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
