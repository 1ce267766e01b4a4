import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import t from "tap";
import { inspectBundle } from "../../../controller/bundles/inspect-bundle.ts";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { checkBundle, openCheckedBundle } from "../../../controller/bundles/check-bundle.ts";
import { initAgentBundle } from "../../../controller/bundles/init-agent.ts";
import { newestGlibc, readElfMachine } from "../../../controller/bundles/elf.ts";

const here = `linux-${arch()}`;
const [HEADER_BYTES, MACHINE_AT] = [20, 18];

function script(path: string, version: string): void {
  writeFileSync(path, `#!/bin/sh\necho ${version}\n`);
  chmodSync(path, 0o755);
}

function elf(machine: number, text: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("\x7fELF", "latin1");
  header.writeUInt16LE(machine, MACHINE_AT);
  return Buffer.concat([header, Buffer.from(text)]);
}

t.test("the builds of the agent become a bundle that says for which machines it is", async (t) => {
  const base = t.testdir();
  const build = join(base, "dist", here, "ferry-agent");
  mkdirSync(join(build, "native"), { recursive: true });
  script(join(build, "ferry-agent"), "0.2.0");
  const machine = arch() === "x64" ? 0x3e : 0xb7;
  writeFileSync(join(build, "native", "lib.so"), elf(machine, "GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4"));
  const directory = join(base, "bundle");
  const model = await initAgentBundle(directory, { agent: join(base, "dist"), force: false });
  t.match(model, {
    kind: "agent",
    name: "ferry-agent",
    version: "0.2.0",
    release: 2_000,
    compatible: [here],
    agent: { builds: [{ hardware: here, folder: here, glibc: "2.34" }] },
  });
  t.ok(existsSync(join(directory, here, "native", "lib.so")));
  t.same(await checkBundle(directory), model);
  t.match(await inspectBundle(await openBundleSource(directory)), { model: { kind: "agent" }, goldenCases: [] });
  await t.rejects(openCheckedBundle(directory), {
    code: "bad-bundle",
    message: /a version of the agent, and no model/,
  });

  const again = { agent: join(base, "dist"), force: false };
  await t.rejects(initAgentBundle(directory, again), { code: "not-empty" });
  await initAgentBundle(directory, { ...again, force: true });
  await t.rejects(initAgentBundle(join(base, "other"), { ...again, version: "0.3.0" }), {
    code: "bad-agent",
    message: "The build calls itself 0.2.0, not 0.3.0",
  });
  writeFileSync(join(build, "native", "lib.so"), elf(machine === 0x3e ? 0xb7 : 0x3e, ""));
  await t.rejects(initAgentBundle(join(base, "other"), again), { code: "bad-agent", message: /is built for/ });
  await t.rejects(initAgentBundle(join(base, "other"), { agent: base, force: false }), { code: "no-agent" });
});

t.test("a binary says for which machine it is, and which C library it needs", async (t) => {
  t.equal(await readElfMachine(process.execPath), arch());
  const folder = t.testdir({ text: "no binary at all, but long enough" });
  t.equal(await readElfMachine(join(folder, "text")), undefined);
  async function* pieces() {
    yield await Promise.resolve(Buffer.from("GLIBC_2.17\0GLI"));
    yield Buffer.from("BC_2.29\0GLIBC_PRIVATE");
  }
  t.equal(await newestGlibc(pieces()), "2.29");
  t.equal(await newestGlibc(pieces(), "2.31"), "2.31");
});
