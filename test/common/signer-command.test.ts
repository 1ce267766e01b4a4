import { createHash, generateKeyPairSync, verify } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { signWithCommand } from "../../common/signer-command.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = join(t.testdir(), "key.pem");
writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
const bytes = Buffer.from("the exact bytes\0\n");
const openssl = `openssl dgst -sha256 -sign ${key}`;
const signed = (command: string, timeoutMs = 20_000) =>
  signWithCommand({ command, publicKey, purpose: "root", timeoutMs }, bytes);

const commands: readonly { how: string; command: string }[] = [
  { how: "DER over standard input", command: openssl },
  {
    how: "DER over the digest alone, with nothing read",
    command: `node -e 'process.stdout.write(Buffer.from(process.env.SIGN_DIGEST_HEX, "hex"))' | openssl pkeyutl -sign -inkey ${key}`,
  },
  {
    how: "raw r||s",
    command: `node -e 'process.stdout.write(require("crypto").sign("sha256", require("fs").readFileSync(0), { key: require("fs").readFileSync("${key}"), dsaEncoding: "ieee-p1363" }))'`,
  },
];
for (const { how, command } of commands) {
  t.test(`a command signs with ${how}`, async (t) => {
    t.ok(verify("sha256", bytes, publicKey, await signed(command)));
  });
}

t.test("the command is told what it signs, and gets the exact bytes", async (t) => {
  const told = join(t.testdir(), "told");
  await signed(
    `cat > ${told}.in; printf '%s %s %s' "$SIGN_ALG" "$SIGN_DIGEST_HEX" "$SIGN_PURPOSE" > ${told}; ${openssl} < ${told}.in`,
  );
  t.same(readFileSync(`${told}.in`), bytes);
  const digest = createHash("sha256").update(bytes).digest("hex");
  t.equal(readFileSync(told, "utf8"), `ecdsa-p256-sha256 ${digest} root`);
});

interface FailureMatch extends Record<string, unknown> {
  readonly code: string;
}

const failures: readonly { when: string; command: string; timeoutMs?: number; error: FailureMatch }[] = [
  {
    when: "it fails",
    command: "echo 'the token is locked' >&2; exit 7",
    error: { code: "signer-failed", message: /exit code 7.*the token is locked/ },
  },
  { when: "it does not exist", command: "no-such-signer", error: { code: "signer-failed", message: /exit code 127/ } },
  { when: "it is killed", command: "kill -9 $$", error: { code: "signer-failed", message: /SIGKILL/ } },
  { when: "it writes no signature", command: "echo hello", error: { code: "signer-garbage", message: /6 bytes/ } },
  { when: "it writes nothing", command: "true", error: { code: "signer-garbage" } },
  {
    when: "it writes without end",
    command: "cat /dev/zero",
    error: { code: "signer-garbage", message: /more than 4096 bytes/ },
  },
  {
    when: "it signs something else",
    command: `echo other | ${openssl}`,
    error: { code: "signer-wrong-key", exitCode: 4 },
  },
  {
    when: "it takes too long",
    command: "echo 'touch the token' >&2; sleep 30",
    timeoutMs: 300,
    error: { code: "signer-timeout", exitCode: 124, message: /0\.3 s.*touch the token/ },
  },
];
for (const { when, command, timeoutMs, error } of failures) {
  t.test(`no signature is given when ${when}`, async (t) => {
    const startedMs = performance.now();
    await t.rejects(signed(command, timeoutMs), error);
    t.ok(performance.now() - startedMs < 15_000, "and nobody waits for it");
  });
}

t.test("a signature of another key is refused before anybody uses it", async (t) => {
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  await t.rejects(signWithCommand({ command: openssl, publicKey: other, purpose: "root" }, bytes), {
    code: "signer-wrong-key",
    message: /--public-key/,
  });
});
