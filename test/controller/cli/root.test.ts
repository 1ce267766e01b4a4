/** `ferry root` as the owners use it: keys on several machines, copies of a draft, and what goes wrong. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { explain } from "../../../controller/cli/context.ts";
import { createProgram } from "../../../controller/cli/program.ts";
import { copyDigits } from "../../support/bundles.ts";

process.env["NO_COLOR"] = "1";

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ferry …` in this process; both streams are captured. */
async function ferry(t: Test, ...args: string[]): Promise<Finished> {
  const [out, err] = [t.capture(process.stdout, "write"), t.capture(process.stderr, "write")];
  let code = 0;
  try {
    await createProgram().parseAsync(args, { from: "user" });
  } catch (thrown) {
    code = thrown instanceof Error && "exitCode" in thrown && thrown.name === "CommanderError" ? 2 : explain(thrown);
  } finally {
    out.restore();
    err.restore();
  }
  const text = (written: typeof out) =>
    written
      .args()
      .map(([bytes]) => String(bytes))
      .join("");
  return { code, stdout: text(out), stderr: text(err) };
}

/** Three owners, a publisher and a director, each with a key; and a home that has only the director's. */
async function office(t: Test) {
  const folder = t.testdir();
  const home = join(folder, "home");
  process.env["FERRY_HOME"] = home;
  const file = (name: string) => join(folder, name);
  for (const name of ["a", "b", "c", "p", "p2", "d"]) await ferry(t, "root", "new-key", file(`${name}.key.pem`));
  mkdirSync(join(home, "controller"), { recursive: true });
  copyFileSync(file("d.key.pem"), join(home, "controller", "director.key.pem"));
  const owners = ["--owner", file("a.pub.pem"), file("b.pub.pem"), file("c.pub.pem"), "--owner-threshold", "2"];
  const others = ["--publisher", file("p.pub.pem"), "--director", file("d.pub.pem")];
  const sign = (name: string, ...more: string[]) => ferry(t, "root", "sign", "--key", file(`${name}.key.pem`), ...more);
  return { folder, home, file, owners, others, sign };
}

/** The same with version 1 published. */
async function founded(t: Test) {
  const place = await office(t);
  await ferry(t, "root", "init", ...place.owners, ...place.others);
  for (const name of ["a", "b"]) await place.sign(name);
  t.match(await ferry(t, "root", "publish"), { code: 0 });
  return place;
}

t.test("2 of 3 owners make a root on their own machines, and a controller is made of it", async (t) => {
  const { folder, home, file, owners, others, sign } = await office(t);
  t.match(await ferry(t, "root", "init", ...owners, ...others), { code: 0, stderr: /2 signatures of the owners/ });
  t.match(await ferry(t, "root", "publish"), { code: 4, stderr: /0 of 2 owners of version 1 have signed/ });
  const stick = join(folder, "1.draft.json");
  copyFileSync(join(home, "root", "1.draft.json"), stick);
  t.match(await sign("a", "--draft", stick), { code: 0, stderr: /1 signature of the owners/ });
  t.match(await ferry(t, "root", "show", "--draft", stick), {
    stdout: /version 1: 1 of 2 +1 missing\n +✔ [0-9a-f]{64}/,
  });
  const command = ["--signer-cmd", `openssl dgst -sha256 -sign ${file("c.key.pem")}`];
  t.match(
    await ferry(t, "root", "sign", "--draft", stick, ...command, "--public-key", file("c.pub.pem")),
    { code: 0, stderr: /ferry root publish/ },
    "an owner's key may be behind a command",
  );
  const published = await ferry(t, "root", "publish", "--draft", stick);
  t.match(published, { code: 0, stderr: /root pin\n {2}[0-9a-f]{64}/ });
  const [pin] = /[0-9a-f]{64}/.exec(published.stderr) ?? [];
  const shown = JSON.parse((await ferry(t, "root", "show", "-o", "json")).stdout) as unknown;
  t.match(shown, { rootPin: pin, root: { version: 1, roles: { owner: { threshold: 2, keys: { length: 3 } } } } });
  const init = await ferry(t, "init", "--fleet", "oslo", "-o", "json");
  t.match(JSON.parse(init.stdout), { fleet: "oslo", rootPin: pin });
  t.notOk(existsSync(join(home, "offline")), "no owner's key is made");
  t.match(await ferry(t, "init"), { code: 6 }, "and a second one changes nothing");
});

t.test("each change prepares the next version, and a changed draft is signed again", async (t) => {
  const { home, file, sign } = await founded(t);
  const draft = join(home, "root", "2.draft.json");
  const second = await ferry(t, "root", "add-key", "publisher", file("p2.pub.pem"), "--threshold", "2");
  t.match(second, { code: 0, stdout: /A key is added to the publisher role in version 2/ });
  await sign("a");
  t.match(await ferry(t, "root", "show"), { stdout: /publisher +2 of 2 must sign[^]*owners of version 2: 1 of 2/ });
  const removed = await ferry(t, "root", "remove-key", "publisher", file("p.pub.pem"), "--threshold", "1");
  t.match(removed, { code: 0, stderr: /its owners sign it again[^]*2 signatures/ });
  t.match(await ferry(t, "root", "renew", "--expires", "2101-02-03"), { code: 0 });
  for (const name of ["b", "c"]) await sign(name);
  t.match(await ferry(t, "root", "publish"), { code: 0, stderr: /takes it over within seconds/ });
  t.notOk(existsSync(draft), "the draft has done its work");
  t.match(await ferry(t, "root", "show"), { stdout: /version 2, in use\n +expires 2101-02-03[^]*publisher +1 of 1/ });
  t.match(await ferry(t, "root", "rotate", "owner", "--old", file("a.pub.pem"), "--new", file("p.pub.pem")), {
    code: 0,
    stderr: /2 signatures/,
  });
});

t.test("owners on two machines sign copies at the same time, and the draft gets both signatures", async (t) => {
  const { folder, home, file, sign } = await founded(t);
  await ferry(t, "root", "add-key", "publisher", file("p2.pub.pem"));
  const copies = ["a", "b"].map((name) => join(folder, `from-${name}.draft.json`));
  for (const copy of copies) copyFileSync(join(home, "root", "2.draft.json"), copy);
  const [fromA = "", fromB = ""] = copies;
  await sign("a", "--draft", fromA);
  await sign("b", "--draft", fromB);
  t.match(await ferry(t, "root", "merge", fromA, fromB), { code: 0, stdout: /2 signatures/, stderr: /root publish/ });
  t.match(await ferry(t, "root", "publish"), { code: 0 });
  await ferry(t, "root", "renew", "--expires", "2101-02-03");
  t.match(await ferry(t, "root", "merge", fromA), { code: 6, stderr: /cannot be merged/ }, "a copy of another draft");
  t.match(await ferry(t, "root", "merge", file("nothing.json")), { code: 3 });
});

t.test("a director's key is made here and waits for its root", async (t) => {
  const { home, sign } = await founded(t);
  t.match(await ferry(t, "root", "rotate", "director"), { code: 0 });
  const waiting = join(home, "controller", "director.next.key.pem");
  t.ok(existsSync(waiting));
  for (const name of ["a", "b"]) await sign(name);
  t.match(await ferry(t, "root", "publish"), { code: 0 });
  t.notOk(existsSync(waiting), "it is the director's key from then on");
  t.ok(existsSync(join(home, "controller", "director.before-root-2.key.pem")));
});

t.test("a bundle is signed by a command too", async (t) => {
  const { folder, file } = await founded(t);
  const digits = copyDigits(join(folder, "digits"));
  const command = [
    "--signer-cmd",
    `openssl dgst -sha256 -sign ${file("p.key.pem")}`,
    "--public-key",
    file("p.pub.pem"),
  ];
  t.match(await ferry(t, "bundle", "sign", digits, ...command), { code: 0, stdout: /1 signature/ });
  t.match(await ferry(t, "bundle", "verify", digits), { code: 0 });
});

t.test("an owner's key may be encrypted", async (t) => {
  const { file, folder, sign } = await founded(t);
  const secret = join(folder, "secret");
  writeFileSync(secret, "correct horse\n", { mode: 0o600 });
  process.env["FERRY_PASSPHRASE_FILE"] = secret;
  t.match(await ferry(t, "root", "new-key", file("e.key.pem"), "--encrypted"), { code: 0, stdout: /encrypted/ });
  await ferry(t, "root", "add-key", "owner", file("e.pub.pem"));
  t.match(await sign("e"), { code: 0 });
  writeFileSync(secret, "wrong\n");
  t.match(await sign("e"), { code: 4, stderr: /does not open with this passphrase/ });
  delete process.env["FERRY_PASSPHRASE_FILE"];
  t.match(await sign("e"), { code: 4, stderr: /no terminal to ask/ });
});

interface Wrong {
  readonly why: string;
  readonly args: (file: (name: string) => string) => readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

const wrong: readonly Wrong[] = [
  {
    why: "no such role",
    args: (f) => ["add-key", "boss", f("p2.pub.pem")],
    code: 2,
    says: /owner, publisher, director/,
  },
  { why: "a private key", args: (f) => ["add-key", "owner", f("p2.key.pem")], code: 1, says: /its public half/ },
  {
    why: "no such file",
    args: (f) => ["add-key", "owner", f("x.pub.pem")],
    code: 3,
    says: /Cannot read the public key/,
  },
  { why: "a key twice", args: (f) => ["add-key", "owner", f("a.pub.pem")], code: 1, says: /has the key .* already/ },
  {
    why: "a threshold that cannot be met",
    args: (f) => ["add-key", "publisher", f("p2.pub.pem"), "--threshold", "3"],
    code: 1,
    says: /would need 3 signatures and have 2 keys/,
  },
  {
    why: "a threshold that is no number",
    args: (f) => ["add-key", "owner", f("p2.pub.pem"), "--threshold", "0"],
    code: 2,
    says: /not a number of signatures/,
  },
  {
    why: "the director's key offline",
    args: (f) => ["add-key", "owner", f("d.pub.pem")],
    code: 1,
    says: /offline role/,
  },
  { why: "the last key", args: (f) => ["remove-key", "publisher", f("p.pub.pem")], code: 1, says: /last key/ },
  {
    why: "a stranger's key",
    args: (f) => ["remove-key", "owner", f("p2.pub.pem")],
    code: 1,
    says: /does not have the key/,
  },
  { why: "too few digits", args: () => ["remove-key", "owner", "ab"], code: 3, says: /at least 6 digits/ },
  { why: "no new key", args: () => ["rotate", "publisher"], code: 2, says: /Which key comes/ },
  {
    why: "which of several",
    args: (f) => ["rotate", "owner", "--new", f("p2.pub.pem")],
    code: 2,
    says: /which one goes/,
  },
  { why: "an expiry in the past", args: () => ["renew", "--expires", "2020-01-01"], code: 1, says: /has passed/ },
  { why: "an expiry that is none", args: () => ["renew", "--expires", "2020-13-45"], code: 2, says: /not a date/ },
  { why: "nothing to sign", args: (f) => ["sign", "--key", f("a.key.pem")], code: 3, says: /no draft/ },
  { why: "nothing to publish", args: () => ["publish"], code: 3, says: /no draft/ },
  {
    why: "a second beginning",
    args: (f) => ["init", "--owner", f("a.pub.pem"), "--publisher", f("p.pub.pem"), "--director", f("d.pub.pem")],
    code: 6,
    says: /holds root version 1 already/,
  },
];

t.test("what cannot be is refused with a way out, and no draft is written", async (t) => {
  const { home, file } = await founded(t);
  for (const { why, args, code, says } of wrong) {
    const { code: ended, stderr } = await ferry(t, "root", ...args(file));
    t.equal(ended, code, `${why}: exit code`);
    t.match(stderr, says, why);
    t.notOk(existsSync(join(home, "root", "2.draft.json")), why);
  }
});

const signers: readonly Wrong[] = [
  {
    why: "two signers",
    args: (f) => ["--key", f("a.key.pem"), "--signer-cmd", "true"],
    code: 2,
    says: /two different/,
  },
  { why: "a command without a key", args: () => ["--signer-cmd", "true"], code: 2, says: /needs --public-key/ },
  { why: "a key without a command", args: (f) => ["--public-key", f("a.pub.pem")], code: 2, says: /belongs to/ },
  { why: "no owner", args: (f) => ["--key", f("p.key.pem")], code: 4, says: /not one of the owners/ },
  { why: "no such key", args: (f) => ["--key", f("x.key.pem")], code: 3, says: /no private key/ },
  {
    why: "a command that fails",
    args: (f) => ["--signer-cmd", "echo locked >&2; exit 3", "--public-key", f("a.pub.pem")],
    code: 1,
    says: /exit code 3.*locked/,
  },
  {
    why: "a command with another key",
    args: (f) => ["--signer-cmd", `openssl dgst -sha256 -sign ${f("b.key.pem")}`, "--public-key", f("a.pub.pem")],
    code: 4,
    says: /does not verify/,
  },
];

t.test("a signer that cannot be is refused, and the draft stays as it was", async (t) => {
  const { file, sign } = await founded(t);
  await ferry(t, "root", "renew");
  await sign("a");
  for (const { why, args, code, says } of signers) {
    const { code: ended, stderr } = await ferry(t, "root", "sign", ...args(file));
    t.equal(ended, code, `${why}: exit code`);
    t.match(stderr, says, why);
  }
  t.match(await ferry(t, "root", "show"), { stdout: /owners of version 2: 1 of 2/ });
});

t.test("a folder without any root says how to begin", async (t) => {
  process.env["FERRY_HOME"] = join(t.testdir(), "nothing");
  for (const args of [["show"], ["renew"]]) {
    t.match(await ferry(t, "root", ...args), { code: 3, stderr: /ferry root init/ }, args.join(" "));
  }
});
