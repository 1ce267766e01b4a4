import { chmodSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import t from "tap";
import { newPassphrase, readPassphrase, type PassphraseSources } from "../../common/passphrase.ts";

/** A terminal on which somebody types these lines. */
function terminal(...lines: readonly string[]) {
  const shown: string[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input });
  const output = new PassThrough();
  output.on("data", (part: Buffer) => shown.push(part.toString()));
  const left = [...lines];
  output.on("data", (part: Buffer) => {
    if (part.toString().includes(":")) input.write(left.shift() ?? "");
  });
  const sources = { environment: {}, input, output } as unknown as PassphraseSources;
  return { sources, shown: () => shown.join("") };
}

t.test("a passphrase is asked on the terminal, and never shown", async (t) => {
  const { sources, shown } = terminal("correct horse\r");
  t.equal(await readPassphrase("Passphrase of key: ", sources), "correct horse");
  t.equal(shown(), "Passphrase of key: \n");
});

t.test("a new one is asked twice", async (t) => {
  t.equal(await newPassphrase("New: ", terminal("a b\r", "a b\r").sources), "a b");
  await t.rejects(newPassphrase("New: ", terminal("a\r", "b\r").sources), { message: /differ/ });
});

t.test("Ctrl-C ends the question", async (t) => {
  await t.rejects(readPassphrase("P: ", terminal("\u0003").sources), { code: "interrupted", exitCode: 130 });
});

const nobody = { input: { isTTY: false }, output: process.stderr } as unknown as PassphraseSources;
const from = (file: string) => readPassphrase("P: ", { ...nobody, environment: { FERRY_PASSPHRASE_FILE: file } });

t.test("a file or a descriptor gives its first line", async (t) => {
  const file = join(t.testdir(), "passphrase");
  writeFileSync(file, "correct horse \nsecond line\n", { mode: 0o600 });
  t.equal(await from(file), "correct horse ");
  t.equal(await from(`/dev/fd/${openSync(file, "r")}`), "correct horse ");
  t.equal(await newPassphrase("P: ", { ...nobody, environment: { FERRY_PASSPHRASE_FILE: file } }), "correct horse ");
});

t.test("what gives no passphrase says what to do", async (t) => {
  const folder = t.testdir({ empty: "", open: "secret" });
  chmodSync(join(folder, "empty"), 0o600);
  chmodSync(join(folder, "open"), 0o644);
  await t.rejects(readPassphrase("P: ", { ...nobody, environment: {} }), {
    code: "no-passphrase",
    hint: /FERRY_PASSPHRASE_FILE/,
  });
  await t.rejects(from(join(folder, "empty")), { code: "no-passphrase", message: /empty/ });
  await t.rejects(from(join(folder, "missing")), { code: "no-passphrase", message: /missing/ });
  await t.rejects(from(join(folder, "open")), { code: "passphrase-exposed", hint: /chmod 600/ });
});
