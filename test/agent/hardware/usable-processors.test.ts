import { execFileSync } from "node:child_process";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import t from "tap";
import { usableProcessors } from "../../../agent/hardware/usable-processors.ts";
import { shareProcessors } from "../../../agent/inference/qualify/share-processors.ts";
import { systemFolders } from "../../support/system-folders.ts";
import { until } from "../../support/until.ts";

const unified = { "proc/self/cgroup": "0::/a/b\n", "cgroup/cgroup.controllers": "cpu memory\n" };
const legacy = { "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n0::/\n" };
const quota = (folder: string, value: number) => ({
  [`${folder}/cpu.cfs_quota_us`]: `${String(value)}\n`,
  [`${folder}/cpu.cfs_period_us`]: "100000\n",
});
const cases: readonly { when: string; files: Readonly<Record<string, string>>; processors: number }[] = [
  { when: "there are no control groups", files: {}, processors: 8 },
  { when: "none of them has a quota", files: { ...unified, "cgroup/a/b/cpu.max": "max 100000\n" }, processors: 8 },
  { when: "its own has one", files: { ...unified, "cgroup/a/b/cpu.max": "250000 100000\n" }, processors: 2.5 },
  {
    when: "one around its own has less",
    files: { ...unified, "cgroup/a/cpu.max": "50000 100000\n", "cgroup/a/b/cpu.max": "200000 100000\n" },
    processors: 0.5,
  },
  { when: "a quota is more than there is", files: { ...unified, "cgroup/a/cpu.max": "990000 10000\n" }, processors: 8 },
  { when: "version 1 has no quota", files: { ...legacy, ...quota("cgroup/cpu/docker/abc", -1) }, processors: 8 },
  { when: "version 1 has one", files: { ...legacy, ...quota("cgroup/cpu/docker/abc", 150_000) }, processors: 1.5 },
  {
    when: "a container sees its group as the root",
    files: { ...legacy, ...quota("cgroup/cpu", 300_000) },
    processors: 3,
  },
  { when: "a file holds no number", files: { ...unified, "cgroup/a/cpu.max": "many\n" }, processors: 8 },
];
for (const { when, files, processors } of cases) {
  t.test(`${String(processors)} of 8 processors where ${when}`, async (t) => {
    t.equal(usableProcessors(systemFolders(t, files), 8), processors);
  });
}

t.test("a real quota of half a processor leaves one thread, where this machine lets us set one", async (t) => {
  const group = `/sys/fs/cgroup/cpu/ferry-test-${String(process.pid)}`;
  try {
    mkdirSync(group);
    writeFileSync(join(group, "cpu.cfs_period_us"), "100000");
    writeFileSync(join(group, "cpu.cfs_quota_us"), "50000");
  } catch {
    t.comment("skipped: no control group of version 1 for processors that this user may make");
    return;
  }
  t.teardown(() =>
    until("the group is empty", () => {
      try {
        rmdirSync(group);
        return true;
      } catch {
        return false;
      }
    }),
  );
  const program = new URL("../../../agent/hardware/usable-processors.ts", import.meta.url).href;
  const source = `import { usableProcessors } from "${program}"; process.stdout.write(String(usableProcessors()));`;
  const command = `echo $$ > ${group}/cgroup.procs && exec "$0" --input-type=module -e '${source}'`;
  const said = execFileSync("sh", ["-c", command, process.execPath], { encoding: "utf8" });
  t.equal(said, "0.5");
  t.same(shareProcessors({}, Number(said)), { instances: 1, intraOpThreads: 1, mostThreads: 1 });
});

t.test("here it is at most what the system says", async (t) => {
  t.ok(usableProcessors() > 0 && usableProcessors() <= availableParallelism());
});
