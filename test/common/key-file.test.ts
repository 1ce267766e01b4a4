import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import t from "tap";
import { createKeyFile, readKeyFile, writeKeyFile } from "../../common/key-file.ts";

t.test("a key is written for its owner alone, whole, and read back", async (t) => {
  const path = join(t.testdir(), "offline", "owner.key.pem");
  const key = await createKeyFile(path);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(join(path, "..")).mode & 0o777, 0o700, "and its folder too");
  t.match(readFileSync(path, "utf8"), /^-----BEGIN PRIVATE KEY-----/);
  t.ok((await readKeyFile(path)).equals(key));
  t.same(readdirSync(join(path, "..")), ["owner.key.pem"], "nothing is left beside it");
});

t.test("a key that is there already is never replaced", async (t) => {
  const path = join(t.testdir(), "key.pem");
  const key = await createKeyFile(path);
  await t.rejects(createKeyFile(path), { code: "exists" });
  t.ok((await readKeyFile(path)).equals(key));
  t.same(readdirSync(join(path, "..")), ["key.pem"]);
});

t.test("a key that others can read is refused, with the command that mends it", async (t) => {
  const path = join(t.testdir(), "key.pem");
  await createKeyFile(path);
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode);
    await t.rejects(readKeyFile(path), { code: "key-exposed", hint: `Run: chmod 600 ${path}` }, mode.toString(8));
  }
});

t.test("what is no P-256 private key is refused with the reason", async (t) => {
  const folder = t.testdir();
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const encrypted = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" } as const;
  const cases = [
    { why: "no key", path: write("text", "hello"), error: { code: "key-malformed", message: /not a private key/ } },
    {
      why: "a public key",
      path: write("public", publicKey.export({ type: "spki", format: "pem" }).toString()),
      error: { code: "key-malformed", message: /not a private key/ },
    },
    {
      why: "an encrypted key",
      path: write("encrypted", privateKey.export(encrypted).toString()),
      error: { code: "key-malformed", message: /encrypted/ },
    },
    { why: "a missing file", path: join(folder, "missing"), error: { code: "not-found", exitCode: 3 } },
  ];
  for (const { why, path, error } of cases) await t.rejects(readKeyFile(path), error, why);
  await writeKeyFile(join(folder, "p384"), privateKey);
  await t.rejects(readKeyFile(join(folder, "p384")), { code: "key-malformed", message: /another kind/ });
});

t.test("an encrypted key opens with its passphrase alone", async (t) => {
  const path = join(t.testdir(), "key.pem");
  const key = await createKeyFile(path, "correct horse");
  t.match(readFileSync(path, "utf8"), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  const asked: string[] = [];
  const answer = (passphrase: string) => (which: string) => {
    asked.push(which);
    return Promise.resolve(passphrase);
  };
  t.ok((await readKeyFile(path, answer("correct horse"))).equals(key));
  await t.rejects(readKeyFile(path, answer("wrong")), { code: "wrong-passphrase", exitCode: 4 });
  await t.rejects(readKeyFile(path), { code: "key-malformed", message: /encrypted/ });
  t.same(asked, [path, path], "only who is asked gives it");
});

t.test("keys that OpenSSL encrypted open too, and a plain one asks for nothing", async (t) => {
  const folder = t.testdir();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const plain = join(folder, "plain.pem");
  await writeKeyFile(plain, privateKey);
  for (const [name, ...options] of [["pbkdf2"], ["scrypt", "-scrypt"]] as const) {
    const path = join(folder, `${name}.pem`);
    execFileSync("openssl", ["pkcs8", "-topk8", "-in", plain, "-out", path, "-passout", "pass:secret", ...options]);
    chmodSync(path, 0o600);
    t.ok((await readKeyFile(path, () => Promise.resolve("secret"))).equals(privateKey), name);
  }
  await readKeyFile(plain, () => Promise.reject(new Error("nobody is asked")));
});
