import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

/** Linux's id of the present boot. Where there is none, a random one: every start then counts as a start of the machine. */
export function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return randomUUID();
  }
}
