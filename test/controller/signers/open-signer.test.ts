import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { createKeyFile } from "../../../common/key-file.ts";
import { openSigner, readPublicKey } from "../../../controller/signers/open-signer.ts";
import { publicKeyFrom, signatureHolds } from "../../../protocol/trust/keys.ts";

const bytes = Buffer.from("a root, a bundle's statement or a deployment");

t.test("a key file, an encrypted one and a command sign alike", async (t) => {
  const folder = t.testdir({ passphrase: "" });
  const passphrase = join(folder, "secret");
  writeFileSync(passphrase, "correct horse\n", { mode: 0o600 });
  process.env["FERRY_PASSPHRASE_FILE"] = passphrase;
  const [plain, encrypted] = [join(folder, "a.key.pem"), join(folder, "b.key.pem")];
  const key = publicKeyFrom(await createKeyFile(plain));
  const other = publicKeyFrom(await createKeyFile(encrypted, "correct horse"));
  writeFileSync(join(folder, "a.pub.pem"), key.pem);
  const command = `openssl dgst -sha256 -sign ${plain}`;
  const cases = [
    { source: { kind: "file", path: plain }, signed: key },
    { source: { kind: "file", path: encrypted }, signed: other },
    { source: { kind: "command", command, publicKeyFile: join(folder, "a.pub.pem") }, signed: key },
  ] as const;
  for (const { source, signed } of cases) {
    const signer = await openSigner(source, "root");
    t.equal(signer.publicKey.fingerprint, signed.fingerprint);
    t.ok(signatureHolds(signed, bytes, await signer.sign(bytes)), source.kind);
  }
  delete process.env["FERRY_PASSPHRASE_FILE"];
});

t.test("only the public half is taken as a public key", async (t) => {
  const folder = t.testdir({ text: "hello" });
  const path = join(folder, "a.key.pem");
  await createKeyFile(path);
  await t.rejects(readPublicKey(path), { code: "key-malformed", hint: /openssl pkey .*-pubout/ });
  await t.rejects(readPublicKey(join(folder, "text")), { code: "key-malformed" });
  await t.rejects(readPublicKey(join(folder, "missing")), { code: "not-found", exitCode: 3 });
});

/** Debian's software HSM: a token in files, with a PIN, that signs raw ECDSA over the digest and never gives the key away. */
const MODULE = "/usr/lib/softhsm/libsofthsm2.so";

const isMissing = !existsSync(MODULE) || spawnSync("pkcs11-tool", ["--help"]).error !== undefined;
const skip = isMissing && "softhsm2 and opensc are not installed";

t.test("a key in an HSM signs through pkcs11-tool", { skip }, async (t) => {
  const folder = t.testdir({ tokens: {} });
  mkdirSync(join(folder, "tokens"), { recursive: true });
  const configuration = join(folder, "softhsm2.conf");
  writeFileSync(configuration, `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\n`);
  const env = { ...process.env, SOFTHSM2_CONF: configuration };
  const tool = (...args: string[]) =>
    execFileSync("pkcs11-tool", ["--module", MODULE, ...args], { env, stdio: "pipe" });
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "ferry", "--so-pin", "1234", "--pin", "5678"], {
    env,
    stdio: "pipe",
  });
  const login = ["--token-label", "ferry", "--login", "--pin", "5678"];
  tool(...login, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "owner", "--id", "01");
  const der = join(folder, "owner.der");
  tool("--token-label", "ferry", "--read-object", "--type", "pubkey", "--id", "01", "--output-file", der);
  const publicKeyFile = join(folder, "owner.pub.pem");
  execFileSync("openssl", ["pkey", "-pubin", "-inform", "DER", "-in", der, "-out", publicKeyFile]);

  process.env["SOFTHSM2_CONF"] = configuration;
  const digest = join(folder, "digest");
  const sign = `pkcs11-tool --module ${MODULE} ${login.join(" ")} --sign --mechanism ECDSA --id 01`;
  const fromDigest = `node -e 'process.stdout.write(Buffer.from(process.env.SIGN_DIGEST_HEX, "hex"))' > ${digest}`;
  for (const format of ["rs", "openssl"]) {
    const command = `${fromDigest} && ${sign} --signature-format ${format} --input-file ${digest}`;
    const signer = await openSigner({ kind: "command", command, publicKeyFile }, "root");
    t.ok(signatureHolds(signer.publicKey, bytes, await signer.sign(bytes)), format === "rs" ? "raw r||s" : "DER");
  }
  const wrongPin = await openSigner(
    {
      kind: "command",
      command: `${fromDigest} && ${sign.replace("5678", "0000")} --input-file ${digest}`,
      publicKeyFile,
    },
    "root",
  );
  await t.rejects(wrongPin.sign(bytes), { code: "signer-failed", message: /CKR_PIN_INCORRECT/ });
  delete process.env["SOFTHSM2_CONF"];
});
