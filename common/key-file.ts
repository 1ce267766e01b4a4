import { createPrivateKey, generateKeyPairSync, randomUUID, type KeyObject } from "node:crypto";
import { link, mkdir, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { FerryError, systemCodeOf } from "./ferry-error.ts";

/** ECDSA P-256: in every HSM, KMS and TPM, so a key file can be exchanged for one of those. */
const CURVE = "prime256v1";

/**
 * Makes a P-256 private key and writes it to a new file that only its owner can read, encrypted where there is a
 * passphrase. Throws FerryError `exists`.
 */
export async function createKeyFile(path: string, passphrase?: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: CURVE });
  await writeKeyFile(path, privateKey, passphrase);
  return privateKey;
}

/**
 * Writes a private key as PKCS#8 PEM, mode 0600: the whole file appears at once, also across a power cut, and a file
 * that is there already is never replaced. Throws FerryError `exists`.
 */
export async function writeKeyFile(path: string, key: KeyObject, passphrase?: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const encryption = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
    await writeDurably(temporary, key.export({ type: "pkcs8", format: "pem", ...encryption }));
    // Unlike a rename, a link fails where a key already lies.
    await link(temporary, path);
  } catch (cause) {
    if (systemCodeOf(cause) !== "EEXIST") throw cause;
    throw new FerryError("exists", `A key already lies in ${path}`, {
      hint: "A key that was lost cannot be made again: move the file away yourself if it is not needed any more.",
      exitCode: 6,
      cause,
    });
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  await syncFolder(dirname(path));
}

/**
 * Reads a P-256 private key that nobody but its owner can read. `askPassphrase` is called only for an encrypted one, with
 * the file's path. Throws FerryError.
 */
export async function readKeyFile(path: string, askPassphrase?: (path: string) => Promise<string>): Promise<KeyObject> {
  const pem = await readPrivately(path);
  const key = pem.includes(ENCRYPTED) ? await decrypted(path, pem, askPassphrase) : plain(path, pem);
  if (key.asymmetricKeyDetails?.namedCurve !== CURVE) {
    throw new FerryError("key-malformed", `${path} holds another kind of key; only ECDSA P-256 is used here`, {
      hint: "Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE",
    });
  }
  return key;
}

/** PKCS#8, with PBKDF2 as Node and OpenSSL write it, or scrypt. The older `Proc-Type` form has no key derivation to speak of. */
const ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

function plain(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new FerryError("key-malformed", `${path} is not a private key in PEM`, {
      hint: "Give the file of the private key. One that is encrypted must be in PKCS#8: openssl pkcs8 -topk8 -in FILE -out NEW",
      cause,
    });
  }
}

async function decrypted(
  path: string,
  pem: string,
  askPassphrase: ((path: string) => Promise<string>) | undefined,
): Promise<KeyObject> {
  if (askPassphrase === undefined) {
    throw new FerryError("key-malformed", `${path} is encrypted, and nobody is here to give the passphrase`, {
      hint: "Decrypt it first: openssl pkey -in FILE -out NEW",
    });
  }
  const passphrase = await askPassphrase(path);
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch (cause) {
    throw new FerryError("wrong-passphrase", `${path} does not open with this passphrase`, {
      hint: "Try again; the file is unchanged. A passphrase that is lost cannot be recovered.",
      exitCode: 4,
      cause,
    });
  }
}

async function writeDurably(path: string, text: string | Buffer): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(text);
  await file.sync();
}

/** A name is on disk only after its folder is. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

async function readPrivately(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new FerryError("key-exposed", `Other users can read the private key ${path} (mode ${octal(mode)})`, {
        hint: `Run: chmod 600 ${path}`,
        exitCode: 4,
      });
    }
    return await file.readFile("utf8");
  } catch (cause) {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no private key ${path}`, {
      hint: "Check the path. `ferry init` makes the keys of a fleet, `ferry-agent join` that of a device.",
      exitCode: 3,
      cause,
    });
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
