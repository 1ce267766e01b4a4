/** One of the three places where a private key may be: a file, an encrypted file, or behind somebody's command. */
import { readFile } from "node:fs/promises";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { readKeyFile } from "../../common/key-file.ts";
import { readPassphrase } from "../../common/passphrase.ts";
import { signWithCommand } from "../../common/signer-command.ts";
import { keySigner, publicKeyFromPem, type PublicKey, type Signer } from "../../protocol/trust/keys.ts";

export type SignerSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "command"; readonly command: string; readonly publicKeyFile: string };

/** What a signature is for; a signer command reads it in `SIGN_PURPOSE`. */
export type SignPurpose = "root" | "bundle" | "deployment";

/** Asks for a passphrase where the key's file is encrypted. Throws FerryError. */
export async function openSigner(source: SignerSource, purpose: SignPurpose): Promise<Signer> {
  if (source.kind === "file") {
    return keySigner(await readKeyFile(source.path, (path) => readPassphrase(`Passphrase of ${path}: `)));
  }
  const publicKey = await readPublicKey(source.publicKeyFile);
  const command = { command: source.command, publicKey: publicKey.key, purpose };
  return { publicKey, sign: (bytes) => signWithCommand(command, bytes) };
}

/** A PEM of one public key. A private one is refused: a file that is passed around must not hold one. */
export async function readPublicKey(path: string): Promise<PublicKey> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    throw new FerryError("not-found", `Cannot read the public key ${path}: ${messageOf(cause)}`, {
      hint: "Give the file of a public key in PEM.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
  const hint = `Write its public half to a file: openssl pkey -in ${path} -pubout -out ${path.replace(/(\.key)?\.pem$/, "")}.pub.pem`;
  if (pem.includes("PRIVATE KEY")) {
    throw new FerryError("key-malformed", `${path} is a private key; its public half is asked for`, { hint });
  }
  try {
    return publicKeyFromPem(pem);
  } catch (cause) {
    throw new FerryError("key-malformed", `${path} is no public key for this: ${messageOf(cause)}`, {
      hint: "It must be ECDSA P-256 in PEM.",
      cause,
    });
  }
}
