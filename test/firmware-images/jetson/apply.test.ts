import t from "tap";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const script = join(import.meta.dirname, "../../../firmware-images/jetson/apply.sh");

/** The beginning of a program for a machine, as the ELF header says it (183: arm64, 62: x86-64). */
function programFor(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF");
  header.writeUInt16LE(machine, 18);
  return header;
}

function rootFileSystem(machine: number, glibc: string) {
  return {
    usr: { bin: { dpkg: programFor(machine) } },
    var: { lib: { dpkg: { status: `Package: libc6\nStatus: install ok installed\nVersion: ${glibc}\n\n` } } },
  };
}

const cases = [
  {
    what: "JetPack 5's glibc",
    root: rootFileSystem(183, "2.31-0ubuntu9.9"),
    says: /has glibc 2\.31; .* 2\.34 or newer/,
  },
  { what: "a root for another machine", root: rootFileSystem(62, "2.36-9"), says: /is not for arm64/ },
  { what: "a folder without a system", root: {}, says: /holds no Debian or Ubuntu system/ },
];
for (const { what, root, says } of cases) {
  t.test(`${what} is refused before anything is changed`, async (t) => {
    const folder = t.testdir({ root, deb: "" });
    // Whoever may not write there reads what is wrong all the same.
    if ("usr" in root) spawnSync("chmod", ["755", join(folder, "root/usr/bin/dpkg")]);
    const before = readdirSync(folder, { recursive: true });
    const { status, stderr } = spawnSync(script, [join(folder, "root"), "--deb", join(folder, "deb")], {
      encoding: "utf8",
    });
    t.equal(status, 1);
    t.match(stderr, says);
    t.same(readdirSync(folder, { recursive: true }), before);
  });
}

t.test("without a folder it says how it is called", async (t) => {
  const { status, stderr } = spawnSync(script, [], { encoding: "utf8" });
  t.equal(status, 2);
  t.match(stderr, /apply\.sh Linux_for_Tegra\/rootfs/);
});
