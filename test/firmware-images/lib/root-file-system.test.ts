import t from "tap";
import { commandLine } from "../../../firmware-images/lib/assemble.ts";
import { debianArguments } from "../../../firmware-images/lib/root-file-system.ts";
import { missingPackages } from "../../../firmware-images/lib/tools.ts";
import { raspberryPi } from "../../../firmware-images/raspberry-pi/board.ts";
import { x86 } from "../../../firmware-images/x86/board.ts";

t.test("a Raspberry Pi's firmware comes from its own component, into a mount point", async (t) => {
  const pi = debianArguments(raspberryPi);
  t.ok(pi.includes("--components=main,non-free-firmware"));
  t.ok(pi.some((argument) => argument.includes('mount --bind "$1/boot/firmware"')));
  const pc = debianArguments(x86);
  t.ok(pc.includes("--components=main"));
  t.notOk(pc.some((argument) => argument.includes("mount --bind")));
});

t.test("the root is read-only from the first moment, and a panic or a torn file system asks nobody", async (t) => {
  const line = commandLine(x86);
  t.match(line, /^root=LABEL=ferry-root ro /);
  t.match(line, /console=ttyS0,115200 console=tty0 .*panic=10 fsck\.repair=yes$/);
});

t.test("what is missing here is named by the package that brings it, once", async (t) => {
  t.same(
    missingPackages(false, () => true),
    [],
  );
  t.same(
    missingPackages(false, (tool) => tool !== "mcopy"),
    ["mtools"],
  );
  t.ok(missingPackages(true, () => false).includes("qemu-user-static"));
});
