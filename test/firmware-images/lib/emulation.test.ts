import t from "tap";
import { registration } from "../../../firmware-images/lib/emulation.ts";

t.test("the kernel gets the one line that says how an arm64 program begins", async (t) => {
  const line = ":qemu-aarch64:M::\\x7fELF::/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OCPF";
  t.equal(registration(`# comment\n\n${line}\n`), line);
  t.throws(() => registration("# nothing\n"), { message: /install qemu-user-static again/ });
});
