/** The steps of one attempt that take time: each ends with the event that the slot's transition hears next. */
import { mkdir, statfs } from "node:fs/promises";
import { systemClock } from "../../common/clock.ts";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelName, Sha256 } from "../../protocol/ids.ts";
import type { ArchiveRef, DeployedSlot } from "../../protocol/trust/deployment.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import { RefusalCode, type Refusal } from "../../protocol/trust/refusal.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Role } from "../../protocol/trust/root.ts";
import type { Candidate, InferenceEngine, VerifiedBundle } from "../inference/inference-engine.ts";
import { Refused } from "../inference/refused.ts";
import type { BundleDirectory } from "../store/bundle-directory.ts";
import type { HeldBundle } from "./state.ts";
import { checkModel, verifyArchive, verifyHeld, type DeviceTraits } from "./verify-bundle.ts";

export interface StepPorts {
  readonly bundles: BundleDirectory;
  /** The directory whose file system must have room for what is unpacked. */
  readonly bundlesPath: string;
  readonly engine: Pick<InferenceEngine, "qualify" | "activate" | "release" | "discard">;
  readonly archives: {
    /** Resolves to the path of a file with exactly these bytes; resumes what it has of them. */
    readonly fetch: (
      archive: ArchiveRef,
      options: { readonly signal: AbortSignal; readonly onProgress: (doneBytes: number) => void },
    ) => Promise<string>;
    /** Forgets what it has of an archive that nobody needs any more. */
    readonly discard: (sha256: Sha256) => Promise<void>;
  };
  /** Whose signatures a bundle needs, by the newest root. */
  readonly publisher: () => Role;
  readonly rollbackIndexOf: (model: ModelName) => number;
  readonly traits: DeviceTraits;
  /** Why no version of the agent can be taken here; undefined where one can. */
  readonly ownObstacle?: Refusal | undefined;
}

/** So many bytes of an archive came in so much time: without what was there before, and without the wait for the first. */
export interface Fetched {
  readonly bytes: number;
  readonly ms: number;
}

/** What one attempt has come to so far. */
export interface Attempt {
  readonly work: number;
  readonly stop: AbortController;
  archivePath?: string;
  doneBytes?: number;
  fetched?: Fetched;
  bundle?: VerifiedBundle;
  /** A runner without traffic, from its qualification until it is activated or discarded. */
  candidate?: Candidate;
}

/** Kept free beside a bundle: for the databases, and for the system that the agent is a guest on. */
const DISK_RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Nothing arrived for so long: the attempt ends and is made again later. Archives come one after the other, and one that
 * the controller has lost must not keep the others from coming. An outage costs nothing: what arrived is kept.
 */
const STALL_MS_MAX = 900_000;

export async function transferStep(ports: StepPorts, attempt: Attempt, { slot, archive }: DeployedSlot): Promise<void> {
  const obstacle = slot === AGENT_NAME ? ports.ownObstacle : undefined;
  // Nothing is fetched that cannot be used.
  if (obstacle !== undefined) throw new BundleRefused(obstacle.code, obstacle.message);
  await requireRoom(ports.bundlesPath, archive.length);
  const stalled = new AbortController();
  const watch = setTimeout(() => {
    const waited = `nothing of the archive has arrived for ${STALL_MS_MAX / 60_000} minutes`;
    stalled.abort(new FerryError("transfer-failed", `The controller is away, or does not have the bundle: ${waited}`));
  }, STALL_MS_MAX);
  const beganMs = systemClock.monotonicMs();
  let first: { readonly doneBytes: number; readonly atMs: number } | undefined;
  try {
    attempt.archivePath = await ports.archives.fetch(archive, {
      signal: AbortSignal.any([attempt.stop.signal, stalled.signal]),
      onProgress: (doneBytes) => {
        const atMs = systemClock.monotonicMs();
        first ??= { doneBytes, atMs };
        attempt.doneBytes = doneBytes;
        if (doneBytes > first.doneBytes)
          attempt.fetched = { bytes: doneBytes - first.doneBytes, ms: atMs - first.atMs };
        watch.refresh();
      },
    });
    // All of it came between two looks: the whole step then.
    if (first !== undefined) attempt.fetched ??= { bytes: archive.length, ms: systemClock.monotonicMs() - beganMs };
  } finally {
    clearTimeout(watch);
  }
}

export async function verifyStep(
  ports: StepPorts,
  attempt: Attempt,
  wish: DeployedSlot,
  source: "archive" | "held",
): Promise<void> {
  const { bundles } = ports;
  const expectation = { wish, rollbackIndex: ports.rollbackIndexOf(wish.model), traits: ports.traits };
  if (source === "held") {
    attempt.bundle = await verifyHeld(bundles, expectation);
    requireKind(wish, attempt.bundle);
    return;
  }
  const archive = attempt.archivePath;
  if (archive === undefined) throw new FerryError("transfer-failed", "The archive of this attempt is not there");
  const { signal } = attempt.stop;
  attempt.bundle = await verifyArchive({ archive, publisher: ports.publisher(), bundles, expectation, signal });
  requireKind(wish, attempt.bundle);
  await ports.archives.discard(wish.archive.sha256);
}

/** A model in the agent's own slot, or the agent in that of a model: neither could be started. Throws BundleRefused. */
function requireKind({ slot }: DeployedSlot, { model }: VerifiedBundle): void {
  if ((slot === AGENT_NAME) === (model.kind === "agent")) return;
  const what = model.kind === "agent" ? "a version of the agent" : "a model";
  throw new BundleRefused("bundle-wrong-model", `The bundle holds ${what}, which cannot be in slot ${slot}`);
}

/** Throws BundleRefused where the engine refuses the bundle. */
export async function qualifyStep(
  { engine }: StepPorts,
  slot: ModelName,
  attempt: Attempt,
  { traffic }: DeployedSlot,
): Promise<void> {
  if (attempt.bundle === undefined) throw new FerryError("runner-crash", "The bundle of this attempt is not there");
  attempt.candidate = await qualified(engine, slot, attempt.bundle, attempt.stop.signal, traffic);
}

/** A bundle that was active before: its bytes, its rollback index and its golden set again, then it answers. */
export async function restoreStep(
  ports: StepPorts,
  slot: ModelName,
  held: HeldBundle,
  signal: AbortSignal,
): Promise<void> {
  const { bundles, engine } = ports;
  const bundle = await bundles.open(held.statement);
  checkModel(bundle.model, {
    wish: held,
    rollbackIndex: ports.rollbackIndexOf(held.model),
    traits: ports.traits,
  });
  const candidate = await qualified(engine, slot, bundle, signal);
  await engine.activate(slot, candidate);
  await engine.release(slot);
}

async function qualified(
  engine: StepPorts["engine"],
  slot: ModelName,
  bundle: VerifiedBundle,
  signal: AbortSignal,
  traffic?: SoakTraffic,
) {
  const outcome = await engine.qualify(slot, bundle, signal, traffic);
  if (outcome.kind === "refused") throw new BundleRefused(outcome.refusal.code, outcome.refusal.message);
  return outcome.candidate;
}

export function heldOf({ model, statement }: VerifiedBundle): HeldBundle {
  return { model: model.name, version: model.version, statement, rollbackIndex: model.rollbackIndex };
}

async function requireRoom(directory: string, bytes: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes < bytes + DISK_RESERVE_BYTES) {
    throw new BundleRefused(
      "disk-full",
      `Unpacking the bundle takes ${bytes} bytes and ${DISK_RESERVE_BYTES} stay free; the disk has ${freeBytes}`,
    );
  }
}

/** What a failed step means for the bundle. `otherwise` is the code for a failure that says nothing of its own. */
export function refusalOf(thrown: unknown, otherwise: RefusalCode): Refusal {
  const message = messageOf(thrown).slice(0, 1_000);
  const systemCode = systemCodeOf(thrown);
  if (systemCode === "ENOSPC" || systemCode === "EDQUOT") return { code: "disk-full", message };
  const isCoded = thrown instanceof BundleRefused || thrown instanceof Refused || thrown instanceof FerryError;
  const stated = isCoded ? thrown.code : undefined;
  const known = RefusalCode.anyOf.find((literal) => literal.const === stated);
  return { code: known?.const ?? otherwise, message };
}
