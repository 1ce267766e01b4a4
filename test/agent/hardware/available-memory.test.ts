import { freemem, totalmem } from "node:os";
import t from "tap";
import { availableMemoryBytes } from "../../../agent/hardware/available-memory.ts";
import { systemFolders } from "../../support/system-folders.ts";

const MEGABYTE = 1e6;
const meminfo = "MemTotal:        2000000 kB\nMemFree:          200000 kB\nMemAvailable:    1000000 kB\n";
const machineBytes = 1_000_000 * 1_024;

t.test("this machine has some memory left, and not more than it has", async (t) => {
  const availableBytes = availableMemoryBytes() ?? 0;
  t.ok(availableBytes > 0 && availableBytes <= totalmem(), `${availableBytes} bytes, ${freemem()} free`);
});

const unified = {
  "proc/meminfo": meminfo,
  "proc/self/cgroup": "0::/system.slice/ferry-agent.service\n",
  "cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
};
const service = "cgroup/system.slice/ferry-agent.service";
const legacy = { "proc/meminfo": meminfo, "proc/self/cgroup": "8:pids:/x\n4:cpu,memory:/docker/abc\n0::/\n" };
const legacyStat = `hierarchical_memory_limit ${300 * MEGABYTE}\ninactive_file 1\ntotal_inactive_file ${40 * MEGABYTE}\ntotal_active_file ${10 * MEGABYTE}\n`;

const cases = [
  { when: "no group limits it", files: { "proc/meminfo": meminfo }, bytes: machineBytes },
  {
    when: "its groups set no limit",
    files: { ...unified, [`${service}/memory.max`]: "max\n", [`${service}/memory.current`]: "1000\n" },
    bytes: machineBytes,
  },
  {
    when: "its own group sets a limit: file pages count as free",
    files: {
      ...unified,
      [`${service}/memory.max`]: `${500 * MEGABYTE}\n`,
      [`${service}/memory.current`]: `${300 * MEGABYTE}\n`,
      [`${service}/memory.stat`]: `anon ${200 * MEGABYTE}\ninactive_file ${60 * MEGABYTE}\nactive_file ${40 * MEGABYTE}\n`,
    },
    bytes: 300 * MEGABYTE,
  },
  {
    when: "a group above sets a tighter one",
    files: {
      ...unified,
      [`${service}/memory.max`]: `${500 * MEGABYTE}\n`,
      [`${service}/memory.current`]: `${100 * MEGABYTE}\n`,
      "cgroup/system.slice/memory.max": "max\n",
      "cgroup/system.slice/memory.high": `${350 * MEGABYTE}\n`,
      "cgroup/system.slice/memory.current": `${300 * MEGABYTE}\n`,
    },
    bytes: 50 * MEGABYTE,
  },
  {
    when: "a container sees its group as the root",
    files: {
      ...unified,
      "proc/self/cgroup": "0::/../../outside\n",
      "cgroup/memory.max": `${200 * MEGABYTE}\n`,
      "cgroup/memory.current": `${150 * MEGABYTE}\n`,
    },
    bytes: 50 * MEGABYTE,
  },
  {
    when: "a group of version 1 sets a limit",
    files: {
      ...legacy,
      "cgroup/memory/docker/abc/memory.stat": legacyStat,
      "cgroup/memory/docker/abc/memory.usage_in_bytes": `${250 * MEGABYTE}\n`,
    },
    bytes: 100 * MEGABYTE,
  },
  {
    when: "a container sees its group of version 1 as the root",
    files: {
      ...legacy,
      "cgroup/memory/memory.stat": legacyStat,
      "cgroup/memory/memory.usage_in_bytes": `${350 * MEGABYTE}\n`,
    },
    bytes: 0,
  },
  { when: "there is no /proc", files: {}, bytes: undefined },
];
for (const { when, files, bytes } of cases) {
  t.test(`what is left is ${bytes ?? "unknown"} where ${when}`, async (t) => {
    t.equal(availableMemoryBytes(systemFolders(t, files)), bytes);
  });
}
