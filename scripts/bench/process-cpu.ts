import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second, whatever the kernel's own clock (proc(5): `sysconf(_SC_CLK_TCK)`). */
const TICK_MS = 10;

/** Time of the processor that a process of this machine has used, all its threads together. */
export function processCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  // The program's name, in parentheses, may hold spaces: the fields are counted from its end; utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
