import { availableParallelism } from "node:os";
import { join } from "node:path";
import { controlGroupOf, groupFolders, SYSTEM_FOLDERS, textOf, type SystemFolders } from "./control-groups.ts";

/**
 * How many processors this process may keep busy: those that it may run on, or less where a control group around it has a
 * quota (systemd's CPUQuota, a container's `--cpus`). May be a part of one. More threads than that are stopped by the
 * kernel in turns, each for tens of milliseconds.
 */
export function usableProcessors(folders: SystemFolders = SYSTEM_FOLDERS, most = availableParallelism()): number {
  const group = controlGroupOf("cpu", folders);
  if (group === undefined) return most;
  const quotaOf = group.version === 2 ? unifiedQuota : legacyQuota;
  return Math.min(most, ...groupFolders(group).map(quotaOf));
}

/** cpu.max: `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
function unifiedQuota(folder: string): number {
  const [quota = "", period = ""] = textOf(join(folder, "cpu.max")).trim().split(/\s+/);
  return share(Number(quota), Number(period));
}

/** Each in a file of its own; −1 is no quota. */
function legacyQuota(folder: string): number {
  const [quota, period] = ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) => textOf(join(folder, file)).trim());
  return share(Number(quota), Number(period));
}

function share(quota: number, period: number): number {
  return quota > 0 && period > 0 ? quota / period : Infinity;
}
