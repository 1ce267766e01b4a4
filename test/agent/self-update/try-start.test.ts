import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { tryStart } from "../../../agent/self-update/try-start.ts";

const schemas = { state: 2, telemetry: 3 };

function asked(t: Test, script: string) {
  const program = join(t.testdir(), "ferry-agent");
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return tryStart({ program, label: "0.2.0", schemas, signal: new AbortController().signal });
}

t.test("a program that answers as its bundle says may be started", async (t) => {
  const answer = JSON.stringify({ version: "0.2.0", schemas, nodeVersion: "v24" });
  t.equal(await asked(t, `[ "$*" = "version -o json" ] && echo '${answer}'`), undefined);
});

t.test("one that cannot be loaded is refused with what the loader said", async (t) => {
  const said = "./ferry-agent: /lib/libc.so.6: version `GLIBC_2.38' not found (required by ./ferry-agent)";
  t.match(await asked(t, `echo "${said.replaceAll("`", "\\`")}" >&2; exit 1`), {
    code: "agent-start",
    message: /does not start on this device: .*GLIBC_2\.38' not found/,
  });
  t.match(await asked(t, "echo nonsense"), { code: "agent-start", message: /does not say what it is/ });
});
