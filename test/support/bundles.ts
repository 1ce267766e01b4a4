/** Bundles for tests of what becomes of them: the digits, signed, as a directory or as the bytes of an archive. */
import { cpSync } from "node:fs";
import { pack, type Header } from "tar-stream";
import { openBundleSource } from "../../controller/bundles/bundle-source.ts";
import { signBundle } from "../../controller/bundles/sign-bundle.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import type { Role } from "../../protocol/trust/root.ts";

/** A copy of one of the example models at `directory`. */
export function copyDigits(directory: string, version: "1.0.0" | "1.1.0" | "1.2.0" = "1.0.0"): string {
  cpSync(new URL(`../../examples/digits/v${version}`, import.meta.url).pathname, directory, { recursive: true });
  return directory;
}

interface SignedDigits {
  readonly directory: string;
  readonly statement: StatementDigest;
  readonly archive: Buffer;
}

export async function signedDigits(directory: string, ...signers: readonly Signer[]): Promise<SignedDigits> {
  const source = await openBundleSource(copyDigits(directory));
  let statement: StatementDigest | undefined;
  for (const signer of signers) ({ statement } = await signBundle(source, signer));
  if (statement === undefined) throw new Error("a signed bundle needs a signer");
  return { directory, statement, archive: await collect(source.stream()) };
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of stream) parts.push(bytes);
  return Buffer.concat(parts);
}

/** The bytes in pieces, as a network gives them. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    yield await Promise.resolve(bytes.subarray(at, at + pieceBytes));
  }
}

type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array };

/** A tar of whatever is asked for, links and devices too. */
export async function tarOf(...entries: TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) {
    if (content === undefined) tar.entry(header).end(null);
    else tar.entry(header, content);
  }
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const bytes of tar) if (bytes instanceof Uint8Array) parts.push(bytes);
  return Buffer.concat(parts);
}

export function publisherRole(threshold: number, ...signers: readonly Signer[]): Role {
  return { threshold, keys: signers.map(({ publicKey }) => publicKey) };
}
