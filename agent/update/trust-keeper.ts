/** Holds what the device believes, stores every change before anybody acts on it, and answers for it. */
import { randomBytes } from "node:crypto";
import type { DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { acceptFirstRoot, type TrustRoot } from "../../protocol/trust/root.ts";
import type { Damage, StateDatabase } from "../store/state-database.ts";
import { judgeDeployment, type GateVerdict, type TrustState } from "./deployment-gate.ts";
import { ROOTS_WAITING_MAX, walkRoots } from "./root-walk.ts";
import { isFresh, trustedNowMs, withChallenge, type TrustedTime } from "./trusted-time.ts";

export interface TrustKeeper {
  readonly root: () => TrustRoot;
  /** Of the newest accepted deployment; 0 for none. */
  readonly seq: () => number;
  /** A nonce that has never been used, for the next hello. */
  readonly challenge: () => string;
  /** An accepted deployment is on disk when this returns. Throws what the database throws. */
  readonly judge: (bytes: Uint8Array) => GateVerdict;
  /** A root from the broker, in whatever order they come. Says which versions were accepted, or why none was. */
  readonly learnRoot: (version: number, bytes: Uint8Array) => RootOutcome;
  readonly isFresh: () => boolean;
  /** Fresh, and neither the accepted deployment nor the root has expired. */
  readonly mayInstall: () => boolean;
  /** Trusted time where there is one, else the system's. */
  readonly nowMs: () => number;
  /** Why the device does not do what the newest document says; undefined while it does. */
  readonly refusal: () => Refusal | undefined;
}

export interface RootOutcome {
  readonly accepted: readonly number[];
  readonly refusal: Refusal | undefined;
}

export interface TrustPorts {
  readonly store: Pick<StateDatabase, "trust" | "saveTrust">;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  /** Milliseconds since the machine started, sleep included. */
  readonly bootMs: () => number;
  readonly systemNowMs: () => number;
}

/** Nonces of 144 bits: nobody can have an answer ready. */
const NONCE_BYTES = 18;

/**
 * Goes on from what is stored, or, where that is nothing, from the pinned root. Throws ProtocolError where the first
 * root is not the pinned one.
 */
export function openTrustKeeper(
  ports: TrustPorts,
  first: { readonly rootBytes: () => Uint8Array; readonly pin: Sha256 },
  damage?: Damage,
): TrustKeeper {
  const { store } = ports;
  let trust = storedTrust(store) ?? begin(acceptFirstRoot(first.rootBytes(), first.pin));
  let time: Omit<TrustedTime, "bootMs"> = { challenges: [], anchor: null };
  let accepted: { readonly deployment: Deployment; readonly expiresMs: number } | undefined;
  let refusal = damage === undefined ? undefined : damageRefusal(damage);
  const waiting = new Map<number, Uint8Array>();

  function begin(root: TrustRoot): TrustState {
    const state: TrustState = { root, seq: 0, contentDigest: null, timeFloorMs: 0 };
    save(state, null);
    return state;
  }

  function save(state: TrustState, deploymentBytes: Uint8Array | null): void {
    const { root, seq, contentDigest, timeFloorMs } = state;
    store.saveTrust({ rootBytes: root.bytes, seq, contentDigest, timeFloorMs, deploymentBytes });
  }

  const timeNow = (): TrustedTime => ({ ...time, bootMs: ports.bootMs() });
  const nowMs = () => trustedNowMs(timeNow()) ?? ports.systemNowMs();

  function judge(bytes: Uint8Array): GateVerdict {
    const { fleet, device } = ports;
    const verdict = judgeDeployment({ bytes, fleet, device, trust, time: timeNow() });
    if (verdict.kind === "refused") {
      // The retained document that greets each connection is unfresh: it must not hide what was refused before it.
      if (refusal === undefined || verdict.refusal.code !== "deployment-unfresh") refusal = verdict.refusal;
      return verdict;
    }
    save(verdict.trust, bytes);
    trust = verdict.trust;
    accepted = verdict;
    refusal = undefined;
    if (verdict.isAnswer) time = { anchor: verdict.anchor, challenges: [] };
    return verdict;
  }

  function learnRoot(version: number, bytes: Uint8Array): RootOutcome {
    const current = trust.root.version;
    const isOfUse = version > current && version <= current + ROOTS_WAITING_MAX;
    if (!isOfUse) return { accepted: [], refusal: undefined };
    if (bytes.byteLength > DOCUMENT_BYTES_MAX) {
      refusal = oversizeRoot(version, bytes.byteLength);
      return { accepted: [], refusal };
    }
    waiting.set(version, Uint8Array.from(bytes));
    const walk = walkRoots(trust, waiting);
    if (walk.accepted.length > 0) {
      save(walk.trust, store.trust()?.deploymentBytes ?? null);
      // Another director: what the former one said of the time, or of this device, counts no more.
      if (walk.trust.seq < trust.seq || walk.trust.timeFloorMs < trust.timeFloorMs) {
        time = { challenges: [], anchor: null };
        accepted = undefined;
      }
      trust = walk.trust;
      refusal = undefined;
    }
    for (const known of waiting.keys()) if (known <= trust.root.version) waiting.delete(known);
    if (walk.refusal !== undefined) {
      waiting.delete(trust.root.version + 1);
      refusal = walk.refusal;
    }
    return { accepted: walk.accepted, refusal: walk.refusal };
  }

  return {
    root: () => trust.root,
    seq: () => trust.seq,
    challenge: () => {
      const nonce = randomBytes(NONCE_BYTES).toString("base64url");
      time = withChallenge(timeNow(), nonce);
      return nonce;
    },
    judge,
    learnRoot,
    isFresh: () => isFresh(timeNow()),
    mayInstall: () =>
      isFresh(timeNow()) && accepted !== undefined && nowMs() < Math.min(accepted.expiresMs, trust.root.expiresMs),
    nowMs,
    refusal: () => refusal ?? rootExpiry(trust.root, timeNow()),
  };
}

/** What `state.db` holds was checked when it was stored; a root vouches for itself as it did then. */
function storedTrust(store: TrustPorts["store"]): TrustState | undefined {
  const stored = store.trust();
  if (stored === undefined) return undefined;
  const { rootBytes, seq, contentDigest, timeFloorMs } = stored;
  return { root: acceptFirstRoot(rootBytes, sha256(rootBytes)), seq, contentDigest, timeFloorMs };
}

/** Said until a fresh deployment has been accepted: what the lost file knew is never forgotten in silence. */
function damageRefusal({ movedTo, restoredFromCopy }: Damage): Refusal {
  const rest = restoredFromCopy ? "the older copy is in use" : "only the pinned root is known";
  const message = `The state database was damaged and lies in ${movedTo}; ${rest} until a fresh deployment comes`;
  return { code: "deployment-unfresh", message: message.slice(0, 1_000) };
}

/** Said like any other root that is refused, and not kept in memory. */
function oversizeRoot(version: number, bytes: number): Refusal {
  const message = `Root version ${version} has ${bytes} bytes, at most ${DOCUMENT_BYTES_MAX} are allowed`;
  return { code: "root-refused", message };
}

/** An alarm even where no deployment comes: the owners must sign the next root. */
function rootExpiry(root: TrustRoot, time: TrustedTime): Refusal | undefined {
  const nowMs = trustedNowMs(time);
  if (nowMs === undefined || nowMs < root.expiresMs) return undefined;
  return { code: "root-expired", message: `Root version ${root.version} has expired: its owners must sign a new one` };
}
