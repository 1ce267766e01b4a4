/** Whether a deployment document is believed. Pure: bytes, trust and time in; a verdict out. */
import type { DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import {
  DEPLOYMENT_TYPE,
  deploymentContentDigest,
  deploymentIn,
  type Deployment,
} from "../../protocol/trust/deployment.ts";
import { countSigningKeys, parseEnvelope, type OpenedEnvelope } from "../../protocol/trust/dsse.ts";
import type { Refusal, RefusalCode } from "../../protocol/trust/refusal.ts";
import type { TrustRoot } from "../../protocol/trust/root.ts";
import { anchorFrom, isFresh, trustedNowMs, type Anchor, type TrustedTime } from "./trusted-time.ts";

/** What the device believes so far; `state.db` keeps it. */
export interface TrustState {
  readonly root: TrustRoot;
  /** Of the newest accepted deployment; 0 for none. */
  readonly seq: number;
  readonly contentDigest: Sha256 | null;
  /** The newest `issued` that was accepted. */
  readonly timeFloorMs: number;
}

export interface GateRequest {
  readonly bytes: Uint8Array;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly trust: TrustState;
  readonly time: TrustedTime;
}

export type GateVerdict =
  | {
      readonly kind: "accepted";
      readonly deployment: Deployment;
      readonly expiresMs: number;
      /** To be stored before anything is done about the deployment. */
      readonly trust: TrustState;
      readonly anchor: Anchor;
      /** The document answers a nonce of this device in time: it made the anchor. */
      readonly isAnswer: boolean;
    }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** The director's clock may be set back a little between two documents; more than this is a replay. */
export const CLOCK_STEP_MS_MAX = 300_000;

/** In the order of the design: nothing is parsed before it is bounded, nothing believed before it is signed. */
export function judgeDeployment(request: GateRequest): GateVerdict {
  return verdictOf(() => judgeOpened(openSigned(request.bytes, request.trust.root), request));
}

/** All that follows the signatures: for a simulation of thousands of devices, which signs nothing. */
export function judgeOpenedDeployment(deployment: Deployment, request: Omit<GateRequest, "bytes">): GateVerdict {
  return verdictOf(() => judgeOpened(deployment, request));
}

function verdictOf(judge: () => GateVerdict): GateVerdict {
  try {
    return judge();
  } catch (thrown) {
    if (thrown instanceof Refused) return { kind: "refused", refusal: thrown.refusal };
    if (thrown instanceof ProtocolError) return refused("deployment-malformed", thrown.message);
    throw thrown;
  }
}

function openSigned(bytes: Uint8Array, root: TrustRoot): Deployment {
  // Size, syntax, strict base64, at most SIGNATURES_MAX signatures; the root walk is over when a document gets here.
  const envelope = parseEnvelope(bytes);
  if (envelope.payload.byteLength > DOCUMENT_BYTES_MAX) {
    throw new Refused("deployment-malformed", `The deployment has ${envelope.payload.byteLength} bytes`);
  }
  requireDirector(envelope, root);
  // Only from here on is the payload looked at.
  return deploymentIn(envelope);
}

function judgeOpened(deployment: Deployment, { fleet, device, trust, time }: Omit<GateRequest, "bytes">): GateVerdict {
  requireMine(deployment, fleet, device);
  requireKnownRoot(deployment, trust.root);
  const contentDigest = deploymentContentDigest(deployment);
  requireNoRollback(deployment, contentDigest, trust);
  const issuedMs = Date.parse(deployment.issued);
  const expiresMs = Date.parse(deployment.expires);
  const anchor = requireTime(deployment, { issuedMs, expiresMs }, trust, time);
  return {
    kind: "accepted",
    deployment,
    expiresMs,
    anchor,
    isAnswer: anchor !== time.anchor,
    trust: { ...trust, seq: deployment.seq, contentDigest, timeFloorMs: Math.max(trust.timeFloorMs, issuedMs) },
  };
}

function requireDirector(envelope: OpenedEnvelope, root: TrustRoot): void {
  if (envelope.payloadType !== DEPLOYMENT_TYPE) {
    throw new Refused("deployment-malformed", `A document of type ${envelope.payloadType} is no deployment`);
  }
  const { keys, threshold } = root.roles.director;
  const signers = countSigningKeys(envelope, keys);
  if (threshold < 1 || signers < threshold) {
    throw new Refused(
      "deployment-signature",
      `${signers} signatures of the director hold, ${threshold} are needed (root version ${root.version})`,
    );
  }
}

function requireMine(deployment: Deployment, fleet: FleetId, device: DeviceId): void {
  if (deployment.fleet !== fleet || deployment.device !== device) {
    throw new Refused(
      "deployment-wrong-device",
      `The deployment is for ${deployment.fleet}/${deployment.device}; this is ${fleet}/${device}`,
    );
  }
  const names = deployment.slots.map(({ slot }) => slot);
  if (new Set(names).size < names.length) {
    throw new Refused("deployment-malformed", "The deployment names one slot twice");
  }
}

function requireKnownRoot(deployment: Deployment, root: TrustRoot): void {
  if (deployment.rootVersion > root.version) {
    throw new Refused(
      "deployment-root-unknown",
      `The director knows root version ${deployment.rootVersion}, this device only ${root.version}`,
    );
  }
}

function requireNoRollback(deployment: Deployment, contentDigest: Sha256, trust: TrustState): void {
  if (deployment.seq < trust.seq) {
    throw new Refused(
      "deployment-rollback",
      `Deployment ${deployment.seq} is older than ${trust.seq}, accepted before`,
    );
  }
  if (deployment.seq === trust.seq && trust.contentDigest !== null && contentDigest !== trust.contentDigest) {
    throw new Refused("deployment-equivocation", `Two different deployments carry the number ${deployment.seq}`);
  }
}

/** Nonce and time, then expiry of the deployment and of the root. Gives the anchor that holds from here on. */
function requireTime(
  deployment: Deployment,
  { issuedMs, expiresMs }: { readonly issuedMs: number; readonly expiresMs: number },
  trust: TrustState,
  time: TrustedTime,
): Anchor {
  // The schema's pattern also fits a 31st of February, which is no time.
  if (!(issuedMs < expiresMs)) throw new Refused("deployment-malformed", "The deployment expires before it is issued");
  if (issuedMs < trust.timeFloorMs - CLOCK_STEP_MS_MAX) {
    throw new Refused(
      "deployment-rollback",
      `The deployment was issued at ${deployment.issued}, before one that was accepted (${isoOf(trust.timeFloorMs)})`,
    );
  }
  const answered = anchorFrom(time, deployment.nonce, issuedMs);
  const anchor = answered ?? time.anchor;
  const anchored = { ...time, anchor };
  const nowMs = trustedNowMs(anchored);
  if (anchor === null || nowMs === undefined || !isFresh(anchored)) {
    throw new Refused(
      "deployment-unfresh",
      "No answer to this device's own nonce vouches for the time yet: it runs what it has and installs nothing",
    );
  }
  if (issuedMs > nowMs + CLOCK_STEP_MS_MAX) {
    throw new Refused(
      "deployment-unfresh",
      `The deployment was issued at ${deployment.issued}, after the present (${isoOf(nowMs)})`,
    );
  }
  if (expiresMs <= nowMs) {
    throw new Refused("deployment-expired", `The deployment expired at ${deployment.expires}; it is ${isoOf(nowMs)}`);
  }
  if (trust.root.expiresMs <= nowMs) {
    throw new Refused(
      "root-expired",
      `Root version ${trust.root.version} expired at ${isoOf(trust.root.expiresMs)}: its owners must sign a new one`,
    );
  }
  return anchor;
}

class Refused extends Error {
  readonly refusal: Refusal;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.refusal = { code, message };
  }
}

function refused(code: RefusalCode, message: string): GateVerdict {
  return { kind: "refused", refusal: { code, message: message.slice(0, 1_000) } };
}

/** For messages only: a time beyond what a date can hold is told as its number. */
function isoOf(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
