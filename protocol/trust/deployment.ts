/** What the director wishes of one device: all its slots at once, signed. */
import { Type, type Static } from "typebox";
import { DeviceId, FleetId, ModelName, ModelVersion, Sha256, StatementDigest } from "../ids.ts";
import { BUNDLE_BYTES_MAX, SLOTS_MAX } from "../limits.ts";
import { Nonce } from "../messages/hello.ts";
import { ParameterValues } from "../bundle/parameters.ts";
import { closedObject, gate } from "../schema.ts";
import { sha256 } from "./digest.ts";
import { envelopeJson, signEnvelope, type DsseEnvelope, type OpenedEnvelope } from "./dsse.ts";
import type { Signer } from "./keys.ts";
import { SoakTraffic } from "./soak-traffic.ts";

export const DEPLOYMENT_TYPE = "application/vnd.modelferry.deployment.v1+json";

/** RFC 3339 in UTC, to the millisecond: the one form that `toISOString` writes. */
export const Instant = Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$" });

/** One bundle's archive as it travels. The chunk list is itself addressed by digest, so nobody can swap chunks unnoticed. */
export const ArchiveRef = closedObject({
  sha256: Sha256,
  length: Type.Integer({ minimum: 1, maximum: BUNDLE_BYTES_MAX }),
  /** SHA-256 of the concatenated SHA-256s of the chunks (CHUNK_BYTES each, the last one shorter). */
  chunkList: Sha256,
});
export type ArchiveRef = Static<typeof ArchiveRef>;

/** The longest that a device watches a version before it counts as good: a day shows every hour's traffic once. */
export const SOAK_MS_MAX = 24 * 3_600_000;

export const DeployedSlot = closedObject({
  /** Where the model is served: `/v2/models/<slot>`; the model's name unless the operator chose otherwise. */
  slot: ModelName,
  model: ModelName,
  version: ModelVersion,
  statement: StatementDigest,
  archive: ArchiveRef,
  /**
   * How long the version answers before the device commits to it and lets go of the one before. Absent: the agent's own
   * default. 0: at once, with nothing left to turn back to but a restart from disk.
   */
  soakMs: Type.Optional(Type.Integer({ minimum: 0, maximum: SOAK_MS_MAX })),
  /** What it answers while it soaks; absent: everything. */
  traffic: Type.Optional(SoakTraffic),
  /** Parameters of the model that the operator has set, within the bounds of its `model.json`; absent: its defaults. */
  params: Type.Optional(ParameterValues),
  /** Ascends when the operator wants another try of what a device has refused for good; absent: 0. */
  retry: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});
export type DeployedSlot = Static<typeof DeployedSlot>;

export const Deployment = closedObject({
  v: Type.Literal(1),
  fleet: FleetId,
  device: DeviceId,
  /** Ascends with each change for this device; re-issued unchanged (new `issued`, `expires`, `nonce`) in between. */
  seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  /** The newest root that the director knows: a device that lacks it is being kept from it. */
  rootVersion: Type.Integer({ minimum: 1 }),
  issued: Instant,
  expires: Instant,
  /** The device's own, when this answers a hello. */
  nonce: Type.Optional(Nonce),
  /** All of them: a slot that is not here is to be emptied. */
  slots: Type.Array(DeployedSlot, { maxItems: SLOTS_MAX }),
});
export type Deployment = Static<typeof Deployment>;

const check = gate("deployment", Deployment);

/** The payload of an envelope whose signatures have been counted. Throws OVERSIZE, MALFORMED or SCHEMA. */
export function deploymentIn(envelope: OpenedEnvelope): Deployment {
  return envelopeJson("deployment", envelope, check);
}

export function signDeployment(deployment: Deployment, director: Signer): Promise<DsseEnvelope> {
  return signEnvelope(DEPLOYMENT_TYPE, Buffer.from(JSON.stringify(deployment)), [director]);
}

/**
 * What must not differ between two deployments of one `seq`: everything but the times, the nonce and the root version. A
 * new root that keeps the director is no new wish, and must not make one of the deployments that it finds.
 */
export function deploymentContentDigest(deployment: Deployment): Sha256 {
  const { fleet, device, seq, slots } = deployment;
  return sha256(JSON.stringify([fleet, device, seq, slots.map(slotContent)]));
}

/** What is optional stands in an element of its own, and only where it is said: a slot without it keeps its digest. */
function slotContent(deployed: DeployedSlot): readonly unknown[] {
  const { slot, model, version, statement, archive, soakMs, retry, traffic, params } = deployed;
  const content = [slot, model, version, statement, archive.sha256, archive.length, archive.chunkList];
  const options = {
    soakMs,
    retry,
    traffic: traffic && { kind: traffic.kind, share: traffic.share },
    // By name: the same parameters in another order are no other wish.
    params: params && Object.entries(params).sort(([one], [other]) => (one < other ? -1 : 1)),
  };
  return Object.values(options).every((option) => option === undefined) ? content : [...content, options];
}
