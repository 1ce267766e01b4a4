/** Whether the kernel can be asked to keep runners within their memory, each in a control group of its own. Pure. */

/** What /proc and /sys/fs/cgroup show of the group that the agent stands in. */
export interface GroupView {
  /** Undefined where the memory controller is in no tree here. */
  readonly version: 1 | 2 | undefined;
  /** The group is below the root of its tree, as seen from here. */
  readonly isNested: boolean;
  /** cgroup.controllers: what the group may give to groups within it. */
  readonly controllers: readonly string[];
  /** cgroup.subtree_control: what it gives. */
  readonly given: readonly string[];
  /** Groups may be made in it, and processes moved. */
  readonly isWritable: boolean;
  /** cgroup.procs: who else stands in it. */
  readonly otherProcesses: number;
}

export type MemoryGroupsPlan =
  | { readonly kind: "groups"; readonly gives: boolean }
  /** The agent watches what its runners hold, once a second. */
  | { readonly kind: "watch"; readonly why: string };

const DELEGATE = "with systemd: Delegate=yes in the agent's unit";

export function planMemoryGroups(view: GroupView): MemoryGroupsPlan {
  const watch = (why: string) => ({ kind: "watch" as const, why });
  if (view.version === undefined) return watch("this system has no control groups for memory");
  if (view.version === 1) return watch("this system has control groups of version 1 for memory");
  if (!view.isNested) return watch("the agent stands in the root of the control groups, with all else that runs here");
  if (!view.controllers.includes("memory")) return watch(`the agent's group may not give memory limits (${DELEGATE})`);
  if (!view.isWritable) return watch(`the agent may not make control groups in its own (${DELEGATE})`);
  const gives = view.given.includes("memory");
  // A group that gives controllers to others holds no processes itself (cgroup-v2, "No Internal Process Constraint").
  if (!gives && view.otherProcesses > 0) {
    return watch(`${view.otherProcesses} other processes stand in the agent's group, which can then hold no others`);
  }
  return { kind: "groups", gives };
}
