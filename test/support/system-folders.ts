import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Test } from "tap";
import type { SystemFolders } from "../../agent/hardware/control-groups.ts";

/** Folders that look like /proc and /sys/fs/cgroup, with `proc/…` and `cgroup/…` files. */
export function systemFolders(t: Test, files: Readonly<Record<string, string>>): SystemFolders {
  const directory = t.testdir();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return { proc: join(directory, "proc"), cgroup: join(directory, "cgroup") };
}
