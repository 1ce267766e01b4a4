/** Control groups of version 2 for runners: the one place that writes to cgroupfs. */
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { controlGroupOf, groupFolders, SYSTEM_FOLDERS, textOf, type SystemFolders } from "./control-groups.ts";
import { planMemoryGroups, type GroupView } from "./plan-memory-groups.ts";

/** Of one process, until that has ended. */
export interface MemoryGroup {
  /** From here on the kernel ends what the process would hold beyond it; false where it cannot be set. */
  readonly limit: (bytes: number) => boolean;
  /** Once the process is gone: that the kernel ended it for its memory, as a sentence; undefined where it did not. */
  readonly leave: () => string | undefined;
}

export interface MemoryGroups {
  /**
   * Memory counts where it was first touched, so a process is taken in before it loads anything. Undefined where that is
   * not possible.
   */
  readonly take: (pid: number) => MemoryGroup | undefined;
}

/** Where the agent itself stands, once it has made room for others. */
const AGENT_GROUP = "agent";

/** Undefined, and logged why, where the kernel does not let the agent: runners are then watched. */
export function openMemoryGroups(
  log: Log,
  { folders = SYSTEM_FOLDERS, pid = process.pid }: { readonly folders?: SystemFolders; readonly pid?: number } = {},
): MemoryGroups | undefined {
  const group = controlGroupOf("memory", folders);
  const base = group === undefined ? folders.cgroup : (groupFolders(group).at(-1) ?? group.root);
  const plan = planMemoryGroups(viewOf(group?.version, base, { isNested: base !== group?.root, pid }));
  if (plan.kind === "watch") {
    log.info({ why: plan.why }, "runners are watched for their memory, once a second");
    return undefined;
  }
  try {
    if (!plan.gives) {
      mkdirSync(join(base, AGENT_GROUP), { recursive: true });
      writeFileSync(join(base, AGENT_GROUP, "cgroup.procs"), String(pid));
      writeFileSync(join(base, "cgroup.subtree_control"), "+memory");
    }
  } catch (error) {
    log.warn({ error: messageOf(error) }, "cannot make control groups for runners; they are watched instead");
    return undefined;
  }
  return { take: (runner) => take(join(base, `runner-${runner}`), runner, log) };
}

function viewOf(
  version: GroupView["version"],
  folder: string,
  { isNested, pid }: { readonly isNested: boolean; readonly pid: number },
): GroupView {
  const words = (file: string) => textOf(join(folder, file)).split(/\s+/).filter(Boolean);
  return {
    version,
    isNested,
    controllers: words("cgroup.controllers"),
    given: words("cgroup.subtree_control"),
    isWritable: ["", "cgroup.procs", "cgroup.subtree_control"].every((file) => isWritable(join(folder, file))),
    otherProcesses: words("cgroup.procs").filter((other) => other !== String(pid)).length,
  };
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function take(folder: string, pid: number, log: Log): MemoryGroup | undefined {
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "cgroup.procs"), String(pid));
  } catch (error) {
    log.warn({ error: messageOf(error) }, "a runner cannot be put into a control group; it is watched instead");
    return undefined;
  }
  let limitBytes = Infinity;
  return {
    limit: (bytes) => {
      try {
        writeFileSync(join(folder, "memory.max"), String(Math.round(bytes)));
        // Else what is beyond the limit goes to a swap file on the board's memory card.
        if (existsSync(join(folder, "memory.swap.max"))) writeFileSync(join(folder, "memory.swap.max"), "0");
        limitBytes = bytes;
        return true;
      } catch (error) {
        log.warn({ error: messageOf(error) }, "a runner's memory cannot be limited; it is watched instead");
        return false;
      }
    },
    leave: () => {
      const kills = Number(/^oom_kill (\d+)$/m.exec(textOf(join(folder, "memory.events")))?.[1] ?? 0);
      try {
        rmdirSync(folder);
      } catch {
        // Empty groups cost nothing, and end with the agent's own.
      }
      if (kills === 0) return undefined;
      const limit = Number.isFinite(limitBytes) ? `its limit of ${(limitBytes / 1e6).toFixed(1)} MB` : "what there is";
      return `the system killed it because it would have held more than ${limit}`;
    },
  };
}
