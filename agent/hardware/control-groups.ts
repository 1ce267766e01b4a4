/** Where this process stands among the kernel's control groups, by cgroups(7): /proc/self/cgroup and /sys/fs/cgroup. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface SystemFolders {
  readonly proc: string;
  readonly cgroup: string;
}

export const SYSTEM_FOLDERS: SystemFolders = { proc: "/proc", cgroup: "/sys/fs/cgroup" };

export interface ControlGroup {
  /** 2: one tree for all controllers; 1: one for each. */
  readonly version: 1 | 2;
  /** Of the tree. */
  readonly root: string;
  /** In it. A container sees its own group as the root, so it may lead nowhere. */
  readonly path: string;
}

/** Of the process in the tree of that controller (`memory`, `cpu`); undefined where there is none. */
export function controlGroupOf(controller: string, { proc, cgroup }: SystemFolders): ControlGroup | undefined {
  for (const line of textOf(join(proc, "self", "cgroup")).split("\n")) {
    // hierarchy-ID:controllers:path; version 2 has the ID 0 and names no controllers.
    const [id, controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (controllers.split(",").includes(controller)) return { version: 1, root: join(cgroup, controller), path };
    if (id !== "0" || controllers !== "") continue;
    // The root of the tree lists what is not left to version 1.
    if (textOf(join(cgroup, "cgroup.controllers")).split(/\s+/).includes(controller)) {
      return { version: 2, root: cgroup, path };
    }
  }
  return undefined;
}

/** From the root to the group itself: what holds for one holds for all below it. */
export function groupFolders({ root, path }: ControlGroup): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return [root, ...parts.map((_, at) => join(root, ...parts.slice(0, at + 1)))];
}

/** Empty where the file is not there, or not for us. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
