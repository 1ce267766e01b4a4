/** From an archive that nobody has vouched for to a bundle under its own name; and the same questions about one held. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { parameterMistake } from "../../protocol/bundle/parameters.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { BundleRefused, checkListing, verifyBundleSignatures } from "../../protocol/trust/model-signing.ts";
import type { Role } from "../../protocol/trust/root.ts";
import type { VerifiedBundle } from "../inference/inference-engine.ts";
import { hashBundle, readSignatureFiles, type BundleDirectory } from "../store/bundle-directory.ts";
import { extractArchive } from "../store/extract-archive.ts";

/** What this device is, in the terms of `model.json`. */
export interface DeviceTraits {
  readonly hardwareClasses: readonly string[];
  /** MAJOR.MINOR.PATCH. */
  readonly agentVersion: string;
}

export interface BundleExpectation {
  readonly wish: Pick<DeployedSlot, "model" | "version" | "statement" | "params">;
  /** The highest rollback index that was ever active here for this model. */
  readonly rollbackIndex: number;
  readonly traits: DeviceTraits;
}

/**
 * Unpacks, counts the publishers' signatures, hashes every file, and asks whether this is the model that was wished,
 * for this device: in that order, so that nothing is believed before it was vouched for. Then the bundle gets its name.
 * Throws BundleRefused; nothing is left behind then.
 */
export async function verifyArchive({
  archive,
  publisher,
  bundles,
  expectation,
  signal,
}: {
  readonly archive: string;
  readonly publisher: Role;
  readonly bundles: BundleDirectory;
  readonly expectation: BundleExpectation;
  readonly signal: AbortSignal;
}): Promise<VerifiedBundle> {
  const { statement } = expectation.wish;
  const staging = await bundles.makeStaging();
  try {
    await extractArchive(archive, staging, signal);
    const verified = verifyBundleSignatures({ signatureFiles: await readSignatureFiles(staging), publisher });
    if (verified.statement !== statement) {
      throw new BundleRefused(
        "bundle-wrong-model",
        `The archive holds the bundle ${verified.statement}, the deployment wishes ${statement}`,
      );
    }
    checkListing(verified.resources, await hashBundle(staging));
    checkModel(await readModel(staging), expectation);
    signal.throwIfAborted();
    await bundles.adopt(staging, statement);
  } finally {
    await bundles.removeStaging(staging);
  }
  return bundles.open(statement);
}

/** A bundle that the device has, for a wish: its bytes again, and whatever of the wish or the device may have changed. */
export async function verifyHeld(bundles: BundleDirectory, expectation: BundleExpectation): Promise<VerifiedBundle> {
  const bundle = await bundles.open(expectation.wish.statement);
  checkModel(bundle.model, expectation);
  return bundle;
}

async function readModel(directory: string): Promise<ModelJson> {
  try {
    return parseModelJson(await readFile(join(directory, MODEL_JSON)));
  } catch (thrown) {
    if (thrown instanceof ProtocolError) {
      throw new BundleRefused("bundle-malformed", `The bundle's ${thrown.message}`, { cause: thrown });
    }
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") {
      throw new BundleRefused("bundle-malformed", `The bundle has no ${MODEL_JSON}`, { cause: thrown });
    }
    throw thrown;
  }
}

/** Throws BundleRefused. */
export function checkModel(model: ModelJson, { wish, rollbackIndex, traits }: BundleExpectation): void {
  if (model.name !== wish.model || model.version !== wish.version) {
    throw new BundleRefused(
      "bundle-wrong-model",
      `The bundle is ${model.name}@${model.version}, the deployment calls it ${wish.model}@${wish.version}`,
    );
  }
  const { hardwareClasses, agentVersion } = traits;
  if (!model.compatible.some((wanted) => wanted === "*" || hardwareClasses.includes(wanted))) {
    throw new BundleRefused(
      "bundle-incompatible",
      `${model.name}@${model.version} runs on ${model.compatible.join(", ")}; this device is ${hardwareClasses.join(", ")}`,
    );
  }
  if (model.minimumAgent !== undefined && isOlder(agentVersion, model.minimumAgent)) {
    throw new BundleRefused(
      "bundle-agent-too-old",
      `${model.name}@${model.version} needs agent ${model.minimumAgent} or newer; this is ${agentVersion}`,
    );
  }
  const mistake = parameterMistake(model.parameters, wish.params);
  if (mistake !== undefined) throw new BundleRefused("bundle-parameters", `${model.name}@${model.version}: ${mistake}`);
  if (model.rollbackIndex < rollbackIndex) {
    throw new BundleRefused(
      "bundle-rollback-index",
      `${model.name}@${model.version} has rollback index ${model.rollbackIndex}; ${rollbackIndex} was active here already`,
    );
  }
}

function isOlder(version: string, wanted: string): boolean {
  const [have, need] = [version, wanted].map((text) => text.split(".").map(Number));
  for (const at of [0, 1, 2]) {
    const difference = (have?.[at] ?? 0) - (need?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
