import { readFileSync } from "node:fs";

/** As Linux tells of them, the oldest first; none of a process that has ended. */
export function childrenOf(pid: number): number[] {
  return textOf(`/proc/${String(pid)}/task/${String(pid)}/children`)
    .split(" ")
    .filter((part) => part.trim() !== "")
    .map(Number);
}

/** By proc_pid_stat(5), whose second field may hold anything. */
export function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
}

/** Runners below a process, its own and those of its fork server, the oldest first. */
export function runnersOf(pid: number): number[] {
  return descendantsOf(pid)
    .filter((one) => textOf(`/proc/${String(one)}/cmdline`).includes("runner-main"))
    .sort((one, other) => one - other);
}

/** Whoever they were started by. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Empty where the process has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
