import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import {
  BACKGROUND_NICE,
  lowerPriority,
  mayRestorePriority,
  restorePriority,
  servingPriority,
} from "../../../agent/hardware/process-priority.ts";

function procWith(t: Test, limit: string, capabilities: string): string {
  const directory = t.testdir();
  mkdirSync(join(directory, "self"));
  writeFileSync(
    join(directory, "self", "limits"),
    `Max pending signals 1 1 signals\nMax nice priority ${limit} ${limit}\n`,
  );
  writeFileSync(join(directory, "self", "status"), `Name:\tnode\nCapEff:\t${capabilities}\n`);
  return directory;
}

const cases = [
  { who: "an ordinary user", limit: "0", capabilities: "0000000000000000", may: false },
  { who: "root", limit: "0", capabilities: "000001ffffffffff", may: true },
  { who: "root of a container without CAP_SYS_NICE", limit: "0", capabilities: "00000000a80425fb", may: false },
  { who: "a service with LimitNICE=20", limit: "20", capabilities: "0000000000000000", may: true },
  { who: "a service that may not go as far", limit: "10", capabilities: "0000000000000000", may: false },
  { who: "a service without any limit", limit: "unlimited", capabilities: "0000000000000000", may: true },
];
for (const { who, limit, capabilities, may } of cases) {
  t.test(`${who} may ${may ? "" : "not "}give a priority back`, async (t) => {
    t.equal(mayRestorePriority(procWith(t, limit, capabilities)), may);
  });
}

t.test("where there is no /proc nothing is lowered", async (t) => t.equal(mayRestorePriority(t.testdir()), false));

t.test(
  "a process goes into the background, and comes back with all its threads where the system allows it",
  async (t) => {
    const child = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = child.pid ?? NaN;
    lowerPriority(pid);
    t.equal(getPriority(pid), BACKGROUND_NICE);
    await once(child.stdout, "data");
    t.equal(restorePriority(pid), mayRestorePriority());
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
    t.ok(threads.length > 1);
    if (mayRestorePriority()) t.same(new Set(threads), new Set([servingPriority()]));
    child.kill("SIGKILL");
    await once(child, "exit");
    t.equal(restorePriority(pid), false, "a process that is gone");
    t.doesNotThrow(() => {
      lowerPriority(pid);
    });
  },
);
