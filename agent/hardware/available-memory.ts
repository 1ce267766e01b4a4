/** How much memory the processes of this device may still take: by the kernel, and by the limits that it runs under. */
import { join } from "node:path";
import { controlGroupOf, groupFolders, SYSTEM_FOLDERS, textOf, type SystemFolders } from "./control-groups.ts";

/**
 * The least of what the whole machine has left and what each control group around this process leaves (systemd's
 * MemoryMax, a container's limit). What the kernel would give back at once, file pages, counts as free. Undefined where
 * there is no /proc/meminfo.
 */
export function availableMemoryBytes(folders: SystemFolders = SYSTEM_FOLDERS): number | undefined {
  const { MemAvailable: machine } = fieldsOf(textOf(join(folders.proc, "meminfo")), 1_024);
  if (machine === undefined) return undefined;
  return Math.max(0, Math.min(machine, ...groupsLeft(folders)));
}

function groupsLeft(folders: SystemFolders): number[] {
  const group = controlGroupOf("memory", folders);
  if (group === undefined) return [];
  return group.version === 1 ? [legacyLeft(group.root, group.path)] : groupFolders(group).map(unifiedLeft);
}

/** Infinity where the group sets no limit. */
function unifiedLeft(group: string): number {
  const limit = Math.min(limitIn(join(group, "memory.max")), limitIn(join(group, "memory.high")));
  const { inactive_file = 0, active_file = 0 } = fieldsOf(textOf(join(group, "memory.stat")));
  return limit - (Number(textOf(join(group, "memory.current"))) - inactive_file - active_file);
}

/** Version 1 says the least of the limits above it in the group's own statistics. */
function legacyLeft(root: string, path: string): number {
  const inside = textOf(join(root, path, "memory.stat"));
  const group = inside === "" ? root : join(root, path);
  const fields = fieldsOf(inside === "" ? textOf(join(root, "memory.stat")) : inside);
  const { hierarchical_memory_limit: limit = Infinity, total_inactive_file = 0, total_active_file = 0 } = fields;
  const used = Number(textOf(join(group, "memory.usage_in_bytes")));
  return limit - (used - total_inactive_file - total_active_file);
}

function limitIn(file: string): number {
  const text = textOf(file).trim();
  return text === "" || text === "max" ? Infinity : Number(text);
}

/** `MemAvailable:  123 kB` and `inactive_file 123` alike. */
function fieldsOf(text: string, unitBytes = 1): Readonly<Record<string, number>> {
  const lines = [...text.matchAll(/^(\w+):?\s+(\d+)/gm)];
  return Object.fromEntries(lines.map(([, name = "", value]) => [name, Number(value) * unitBytes]));
}
