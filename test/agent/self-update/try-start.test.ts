import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { tryStart } from "../../../agent/self-update/try-start.ts";

const schemas = { state: 2, telemetry: 3 };
const GOOD = `echo '${JSON.stringify({ version: "0.2.0", schemas, nodeVersion: "v24" })}'`;
const selfTest = (checks: object) => `echo '${JSON.stringify({ ok: true, program: {}, checks })}'`;
const SOUND = selfTest({ database: { ok: true, sqlite: "3" }, inference: { ok: true, providers: ["cpu"] } });

/** A program that does `version` when it is asked for its version, and `tested` when it is to test itself. */
function asked(t: Test, version: string, tested = SOUND, signal = new AbortController().signal) {
  const program = join(t.testdir(), "ferry-agent");
  const script = `case "$*" in "version -o json") ${version} ;; self-test) ${tested} ;; *) exit 9 ;; esac`;
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return tryStart({ program, label: "0.2.0", schemas, bounds: { versionMs: 5_000, selfTestMs: 500 }, signal });
}

t.test("a program that answers as its bundle says, and whose self-test holds, may be started", async (t) => {
  t.equal(await asked(t, GOOD), undefined);
});

t.test("one that cannot be loaded is refused with what the loader said", async (t) => {
  const said = "./ferry-agent: /lib/libc.so.6: version `GLIBC_2.38' not found (required by ./ferry-agent)";
  t.match(await asked(t, `echo "${said.replaceAll("`", "\\`")}" >&2; exit 1`), {
    code: "agent-start",
    message: /does not start on this device: .*GLIBC_2\.38' not found/,
  });
  t.match(await asked(t, "echo nonsense"), { code: "agent-start", message: /does not say what it is/ });
  t.match(await asked(t, "kill -SEGV $$"), { code: "agent-start", message: /it was ended by SIGSEGV/ });
});

const failing: readonly { when: string; tested: string; then: { code: string; message: RegExp } }[] = [
  {
    when: "what does not work is named",
    tested: `${selfTest({
      database: { ok: true },
      inference: { ok: false, code: "onnx-runtime", error: "onnxruntime does not work here: illegal instruction" },
      pictures: { ok: false, error: "a colour is another" },
    })}; exit 1`,
    then: {
      code: "agent-start",
      message: /^Its self-test fails on this device: inference: .*illegal instruction; pictures: a colour is another$/,
    },
  },
  {
    when: "it ends in the middle",
    tested: `echo 'Error: cannot allocate memory' >&2; exit 134`,
    then: { code: "agent-start", message: /self-test ends on this device: Error: cannot allocate memory/ },
  },
  {
    when: "it prints something else",
    tested: "echo fine",
    then: { code: "agent-start", message: /does not say how it ended/ },
  },
  {
    when: "it hangs, whatever it is told",
    tested: `trap '' TERM; echo "error: waiting for the graphics driver" >&2; while :; do :; done`,
    then: { code: "deadline", message: /was not done within 1 s: error: waiting for the graphics driver/ },
  },
];
for (const { when, tested, then } of failing) {
  t.test(`a self-test refuses the version: ${when}`, async (t) => t.match(await asked(t, GOOD, tested), then));
}

t.test("another wish ends it", async (t) => {
  const stop = AbortSignal.timeout(100);
  await t.rejects(asked(t, "exec sleep 60", SOUND, stop), { name: "TimeoutError" });
});
