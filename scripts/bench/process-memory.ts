import { readFileSync, writeFileSync } from "node:fs";

/** Resident memory of a process of this machine, in bytes: at this moment, and the most since the last reset. */
export function residentBytes(pid: number): { readonly nowBytes: number; readonly peakBytes: number } {
  const status = readFileSync(`/proc/${String(pid)}/status`, "utf8");
  const kibibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return { nowBytes: kibibytes("VmRSS") * 1_024, peakBytes: kibibytes("VmHWM") * 1_024 };
}

/** Makes the present memory the peak (Linux: proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${String(pid)}/clear_refs`, "5");
}
