import { join } from "node:path";
import t from "tap";
import { controlGroupOf, groupFolders, textOf } from "../../../agent/hardware/control-groups.ts";
import { systemFolders } from "../../support/system-folders.ts";

t.test("version 2 has one tree, whose root says what is in it", async (t) => {
  const folders = systemFolders(t, {
    "proc/self/cgroup": "0::/system.slice/ferry-agent.service\n",
    "cgroup/cgroup.controllers": "cpu memory\n",
  });
  const group = controlGroupOf("memory", folders);
  t.same(group, { version: 2, root: folders.cgroup, path: "/system.slice/ferry-agent.service" });
  t.same(group && groupFolders(group), [
    folders.cgroup,
    join(folders.cgroup, "system.slice"),
    join(folders.cgroup, "system.slice/ferry-agent.service"),
  ]);
  t.equal(controlGroupOf("io", folders), undefined);
});

t.test("version 1 has one for each controller, also beside an empty version 2", async (t) => {
  const folders = systemFolders(t, {
    "proc/self/cgroup": "4:cpu,cpuacct:/a:b\n0::/\n",
    "cgroup/cgroup.controllers": "\n",
  });
  t.same(controlGroupOf("cpu", folders), { version: 1, root: join(folders.cgroup, "cpu"), path: "/a:b" });
  t.equal(controlGroupOf("memory", folders), undefined);
});

t.test("a system without any has none", async (t) => {
  t.equal(controlGroupOf("cpu", systemFolders(t, {})), undefined);
  t.equal(textOf(join(t.testdirName, "nothing")), "");
});
