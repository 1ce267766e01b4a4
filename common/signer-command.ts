/** A signature from somebody else's program: an HSM, a KMS, a smart card behind a shell command. */
import { spawn } from "node:child_process";
import { createHash, verify, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { derSignature } from "./ecdsa-signature.ts";
import { EXIT, FerryError, messageOf } from "./ferry-error.ts";

/** A person may have to touch a token or type a PIN. */
export const SIGNER_MS_MAX = 60_000;
/** A signature has about 72 bytes; what a program says besides does not belong on standard output. */
const OUTPUT_BYTES_MAX = 4_096;
/** The end of what the command said of itself, for the person who reads the error. */
const STDERR_CHARS_KEPT = 1_000;

export interface SignerCommand {
  /** Run by `sh`, with the exact bytes on standard input. */
  readonly command: string;
  /** What the signature must verify with before anybody uses it. */
  readonly publicKey: KeyObject;
  /** What is signed, told as `SIGN_PURPOSE`: a wrapper may ask a person, or refuse. */
  readonly purpose: string;
  readonly timeoutMs?: number;
}

/** DER. Throws FerryError: `signer-failed`, `signer-timeout`, `signer-garbage`, `signer-wrong-key`. */
export async function signWithCommand(
  { command, publicKey, purpose, timeoutMs = SIGNER_MS_MAX }: SignerCommand,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const output = await run(command, bytes, {
    timeoutMs,
    environment: {
      SIGN_ALG: "ecdsa-p256-sha256",
      SIGN_DIGEST_HEX: createHash("sha256").update(bytes).digest("hex"),
      SIGN_PURPOSE: purpose,
    },
  });
  const signature = derSignature(output);
  if (signature === undefined) {
    throw new FerryError(
      "signer-garbage",
      `The signer command wrote ${output.byteLength} bytes that are no signature`,
      {
        hint: "It must write one ECDSA signature and nothing else to standard output: DER, or the 64 bytes of r and s.",
      },
    );
  }
  if (!verify("sha256", bytes, publicKey, signature)) {
    throw new FerryError("signer-wrong-key", "The signer command's signature does not verify with --public-key", {
      hint: "Check which key it signs with, and that it signs the SHA-256 of standard input (SIGN_DIGEST_HEX) only once hashed.",
      exitCode: EXIT.notAllowed,
    });
  }
  return signature;
}

interface Run {
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
}

async function run(command: string, input: Uint8Array, { timeoutMs, environment }: Run): Promise<Buffer> {
  // The command stays in this session, so that it can ask for a PIN on the terminal.
  const child = spawn(command, { shell: true, stdio: "pipe", env: { ...process.env, ...environment } });
  const output: Buffer[] = [];
  let outputBytes = 0;
  let said = "";
  let stopped: FerryError | undefined;
  const stop = (error: FerryError) => {
    stopped ??= error;
    child.kill("SIGKILL");
    // A process that the command started may live on and hold the pipes: nobody waits for it.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  };
  const timer = setTimeout(() => {
    stop(
      new FerryError(
        "signer-timeout",
        `The signer command gave no signature within ${timeoutMs / 1_000} s${tail(said)}`,
        {
          hint: "Run it by hand: does it wait for a PIN, a touch or a network?",
          exitCode: EXIT.timedOut,
        },
      ),
    );
  }, timeoutMs);
  child.stdout.on("data", (part: Buffer) => {
    outputBytes += part.byteLength;
    if (outputBytes <= OUTPUT_BYTES_MAX) output.push(part);
    else stop(new FerryError("signer-garbage", `The signer command wrote more than ${OUTPUT_BYTES_MAX} bytes`));
  });
  child.stderr.on("data", (part: Buffer) => {
    said = (said + part.toString()).slice(-STDERR_CHARS_KEPT);
  });
  // A command that signs SIGN_DIGEST_HEX need not read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  try {
    await once(child, "close");
    if (stopped !== undefined) throw stopped;
    if (child.exitCode === 0) return Buffer.concat(output);
    const end = child.signalCode ?? `exit code ${child.exitCode ?? "unknown"}`;
    throw new FerryError("signer-failed", `The signer command failed (${end})${tail(said)}`, {
      hint: "Run it by hand with the same standard input, SIGN_ALG, SIGN_DIGEST_HEX and SIGN_PURPOSE.",
    });
  } catch (cause) {
    if (cause instanceof FerryError) throw cause;
    throw new FerryError("signer-failed", `The signer command cannot be run: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function tail(said: string): string {
  const text = said.trim();
  return text === "" ? "" : `; it said: ${text}`;
}
