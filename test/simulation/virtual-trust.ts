/** What a virtual device believes: the real gate and the real arithmetic of time, over documents that nobody signs. */
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { TrustRoot } from "../../protocol/trust/root.ts";
import { judgeOpenedDeployment, type GateVerdict } from "../../agent/update/deployment-gate.ts";
import { isFresh, trustedNowMs, withChallenge, type TrustedTime } from "../../agent/update/trusted-time.ts";
import type { VirtualDisk } from "./virtual-disk.ts";

export interface VirtualTrust {
  readonly challenge: () => string;
  /** An accepted deployment is on the disk when this returns. Throws PowerCut or DiskFull. */
  readonly judge: (deployment: Deployment) => GateVerdict;
  readonly isFresh: () => boolean;
  readonly mayInstall: () => boolean;
  /** Trusted time where there is one, else the system's. */
  readonly nowMs: () => number;
}

export interface VirtualTrustPorts {
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly disk: VirtualDisk;
  readonly bootMs: () => number;
  readonly systemNowMs: () => number;
  readonly random: () => number;
}

const nobody = { keys: [], threshold: 1 };
const ROOT: TrustRoot = {
  version: 1,
  expiresMs: Infinity,
  roles: { owner: nobody, publisher: nobody, director: nobody },
  bytes: new Uint8Array(),
  digest: sha256(""),
};

/** As a process begins: it has heard nothing yet. */
export function createTrust({ fleet, device, disk, bootMs, systemNowMs, random }: VirtualTrustPorts): VirtualTrust {
  let time: Omit<TrustedTime, "bootMs"> = { challenges: [], anchor: null };
  let expiresMs: number | undefined;

  const timeNow = (): TrustedTime => ({ ...time, bootMs: bootMs() });
  const nowMs = () => trustedNowMs(timeNow()) ?? systemNowMs();

  return {
    nowMs,
    isFresh: () => isFresh(timeNow()),
    mayInstall: () => isFresh(timeNow()) && expiresMs !== undefined && nowMs() < expiresMs,
    challenge: () => {
      const nonce = String(random()).padEnd(22, "0");
      time = withChallenge(timeNow(), nonce);
      return nonce;
    },
    judge: (deployment) => {
      const trust = { root: ROOT, ...disk.trust };
      const verdict = judgeOpenedDeployment(deployment, { fleet, device, trust, time: timeNow() });
      if (verdict.kind === "refused") return verdict;
      const { seq, contentDigest, timeFloorMs } = verdict.trust;
      disk.save(() => {
        disk.trust = { seq, contentDigest, timeFloorMs };
      });
      expiresMs = verdict.expiresMs;
      if (verdict.isAnswer) time = { anchor: verdict.anchor, challenges: [] };
      return verdict;
    },
  };
}
