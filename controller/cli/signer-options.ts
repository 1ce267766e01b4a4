/** How a command that signs is told where the key is. */
import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { SignerSource } from "../signers/open-signer.ts";

export interface SignerOptions {
  readonly key?: string;
  readonly signerCmd?: string;
  readonly publicKey?: string;
}

/** `fallback` says in words which key is used without any of these. */
export function withSigner(command: Command, fallback: string): Command {
  return command
    .option("--key <file>", `the private key, encrypted or not (default: ${fallback})`)
    .option(
      "--signer-cmd <command>",
      "let this shell command sign: bytes on standard input, signature on standard output",
    )
    .option("--public-key <file>", "the public key that --signer-cmd signs with")
    .addHelpText(
      "after",
      "\nThe passphrase of an encrypted key is asked on the terminal, or read from the file that FERRY_PASSPHRASE_FILE names.",
    );
}

/** Throws a usage error for two sources, or half of one. */
export function signerSource({ key, signerCmd, publicKey }: SignerOptions, fallbackPath: string): SignerSource {
  if (signerCmd === undefined && publicKey === undefined) return { kind: "file", path: key ?? fallbackPath };
  if (key !== undefined) {
    throw usage("--key and --signer-cmd are two different signers", "Give one of them.");
  }
  if (signerCmd === undefined) {
    throw usage("--public-key belongs to --signer-cmd", "Give --signer-cmd as well, or the private key with --key.");
  }
  if (publicKey === undefined) {
    throw usage("--signer-cmd needs --public-key", "Its signature is verified with that key before it is used.");
  }
  return { kind: "command", command: signerCmd, publicKeyFile: publicKey };
}

function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}
