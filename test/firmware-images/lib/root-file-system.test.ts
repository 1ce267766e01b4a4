import t from "tap";
import { commandLine } from "../../../firmware-images/lib/assemble.ts";
import { debianArguments } from "../../../firmware-images/lib/root-file-system.ts";
import { missingPackages, toolsFor } from "../../../firmware-images/lib/tools.ts";
import { raspberryPi } from "../../../firmware-images/raspberry-pi/board.ts";
import { x86 } from "../../../firmware-images/x86/board.ts";

t.test("a Raspberry Pi's firmware comes from its own component, into a mount point", async (t) => {
  const pi = debianArguments(raspberryPi, true);
  t.ok(pi.includes("--components=main,non-free-firmware"));
  t.ok(pi.some((argument) => argument.includes('mount --bind "$1/boot/firmware"')));
  const pc = debianArguments(x86, false);
  t.ok(pc.includes("--components=main"));
  t.notOk(pc.some((argument) => argument.includes("mount --bind")));
});

t.test("archives for another machine are decompressed before emulated programs unpack them", async (t) => {
  const unpacks = (argument: string) => argument.includes("dpkg-deb -Znone");
  t.ok(debianArguments(raspberryPi, true).some(unpacks));
  t.notOk(debianArguments(x86, false).some(unpacks));
});

t.test("the root is read-only from the first moment, and a panic or a torn file system asks nobody", async (t) => {
  const line = commandLine(x86);
  t.match(line, /^root=LABEL=ferry-root ro /);
  t.match(line, /console=ttyS0,115200 console=tty0 .*panic=10 fsck\.repair=yes$/);
});

t.test("what is missing here is named by the package that brings it, once", async (t) => {
  const needed = { mcopy: "mtools", mmd: "mtools", sfdisk: "fdisk" };
  t.same(
    missingPackages(needed, () => true),
    [],
  );
  t.same(
    missingPackages(needed, () => false),
    ["mtools", "fdisk"],
  );
});

t.test("an image for another machine needs an emulator as well", async (t) => {
  const [own, other] = process.arch === "arm64" ? (["arm64", "amd64"] as const) : (["amd64", "arm64"] as const);
  t.notOk("qemu-aarch64-static" in toolsFor({ architecture: own }));
  t.ok("qemu-aarch64-static" in toolsFor({ architecture: other }));
});
