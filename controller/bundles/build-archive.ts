import { resolve, sep } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { ArchiveDigests } from "./archive-digests.ts";
import { signaturePaths, type BundleSource } from "./bundle-source.ts";
import { checkBundle } from "./check-bundle.ts";
import { writeAtomically } from "./sign-bundle.ts";

interface BuildReport {
  readonly model: ModelJson;
  readonly path: string;
  readonly archive: ArchiveRef;
  readonly signatures: number;
}

/** Builds the archive of a bundle's directory at `output`, or at `<name>-<version>.bundle.tar` here. Throws FerryError. */
export async function buildArchive(source: BundleSource, output?: string): Promise<BuildReport> {
  if (source.kind === "archive") {
    throw new FerryError("not-a-directory", `${source.path} is an archive already`, {
      hint: "Build from the bundle's directory.",
      exitCode: EXIT.usage,
    });
  }
  const model = await checkBundle(source.path);
  const path = resolve(output ?? `${model.name}-${model.version}.bundle.tar`);
  if (path.startsWith(resolve(source.path) + sep)) {
    throw new FerryError("bad-output", `${path} lies in the bundle's own directory`, {
      hint: "It would become a part of the next archive: give another place with --output.",
      exitCode: EXIT.usage,
    });
  }
  const digests = new ArchiveDigests();
  await writeAtomically(path, digesting(source.stream(), digests));
  const signatures = (await signaturePaths(source.path)).length;
  return { model, path, archive: digests.finish().archive, signatures };
}

/** Passes the bytes on, and into the digests. */
export async function* digesting(
  stream: AsyncIterable<Uint8Array>,
  digests: ArchiveDigests,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of stream) {
    digests.add(bytes);
    yield bytes;
  }
}
