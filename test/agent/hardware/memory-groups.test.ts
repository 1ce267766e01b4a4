/** Against folders that look like cgroupfs: a kernel would make the files itself, and act on them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openMemoryGroups } from "../../../agent/hardware/memory-groups.ts";
import { endedWithin } from "../../../agent/inference/runner/memory-limit.ts";
import { RUNNER_COMMAND } from "../../../agent/inference/runner/runner-process.ts";
import { startRunner } from "../../../agent/inference/runner/runner.ts";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { systemFolders } from "../../support/system-folders.ts";

const log = openLog("test", "silent");
const service = "cgroup/system.slice/ferry-agent.service";
const pid = 4_711;

function delegated(t: Test) {
  const folders = systemFolders(t, {
    "proc/self/cgroup": "0::/system.slice/ferry-agent.service\n",
    "cgroup/cgroup.controllers": "cpu memory\n",
    [`${service}/cgroup.controllers`]: "cpu memory\n",
    [`${service}/cgroup.subtree_control`]: "\n",
    [`${service}/cgroup.procs`]: `${String(pid)}\n`,
  });
  return { folders, base: join(folders.cgroup, "system.slice/ferry-agent.service") };
}

t.test("the agent makes room in its group, and each runner gets one with a limit", async (t) => {
  const { folders, base } = delegated(t);
  const groups = openMemoryGroups(log, { folders, pid });
  t.equal(readFileSync(join(base, "agent/cgroup.procs"), "utf8"), String(pid));
  t.equal(readFileSync(join(base, "cgroup.subtree_control"), "utf8"), "+memory");
  const runner = groups?.take(99);
  t.equal(readFileSync(join(base, "runner-99/cgroup.procs"), "utf8"), "99");
  t.notOk(existsSync(join(base, "runner-99/memory.max")), "while it loads it has none");
  writeFileSync(join(base, "runner-99/memory.swap.max"), "max");
  t.equal(runner?.limit(225e6), true);
  t.equal(readFileSync(join(base, "runner-99/memory.max"), "utf8"), "225000000");
  t.equal(readFileSync(join(base, "runner-99/memory.swap.max"), "utf8"), "0");
  t.equal(runner?.leave(), undefined, "it ended by itself");
  writeFileSync(join(base, "runner-99/memory.events"), "low 0\nmax 31\noom 1\noom_kill 1\n");
  t.equal(runner?.leave(), "the system killed it because it would have held more than its limit of 225.0 MB");
});

t.test("a runner in such a group is not watched, and its end says what the kernel did", async (t) => {
  const { folders, base } = delegated(t);
  const runner = await startRunner(RUNNER_COMMAND, log, { groups: openMemoryGroups(log, { folders, pid }) });
  const ended = endedWithin(1, runner, systemClock);
  t.equal(readFileSync(join(base, `runner-${String(runner.pid)}/memory.max`), "utf8"), "1");
  writeFileSync(join(base, `runner-${String(runner.pid)}/memory.events`), "oom_kill 1\n");
  runner.kill();
  t.match(await ended, /the system killed it because it would have held more than its limit/);
});

t.test("where a group cannot be made or limited, the runner is watched", async (t) => {
  const { folders, base } = delegated(t);
  const groups = openMemoryGroups(log, { folders, pid });
  writeFileSync(join(base, "runner-7"), "a file where the group would be");
  t.equal(groups?.take(7), undefined);
  const runner = groups?.take(8);
  mkdirSync(join(base, "runner-8/memory.max"));
  t.equal(runner?.limit(1), false);
  t.equal(openMemoryGroups(log, { folders: systemFolders(t, {}), pid }), undefined, "no control groups at all");
});
