import t from "tap";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeData } from "../../../firmware-images/lib/fill-root.ts";

t.test("the data partition begins with every folder that the root's fstab binds", async (t) => {
  const folder = t.testdir({ root: { var: { lib: { systemd: { timesync: { clock: "" } } } } } });
  const data = join(folder, "data");
  await makeData(join(folder, "root"), data);
  const fstab = readFileSync(join("firmware-images/lib/root", "etc/fstab"), "utf8");
  const bound = [...fstab.matchAll(/^\/data\/(\S+)/gm)].map(([, name = ""]) => name);
  t.same(bound, ["ferry-agent", "systemd", "log"]);
  for (const name of bound) t.ok(existsSync(join(data, name)), name);
  t.equal(readFileSync(join(data, "systemd/timesync/clock"), "utf8"), "", "what Debian put there is kept");
});
