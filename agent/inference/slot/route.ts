/** Who answers a request: one decision, from what the versions of a slot are to each other. Pure. */
import type { ModelVersion, StatementDigest } from "../../../protocol/ids.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";

export interface RoutedVersion {
  readonly statement: StatementDigest;
  readonly version: ModelVersion;
}

/** The version that soaks beside the active one. */
export interface TrialVersion extends RoutedVersion {
  readonly traffic: SoakTraffic;
  /** False while its runner restarts, and when it is lost. */
  readonly isReady: boolean;
}

export interface Roles {
  /** Answers what nobody else does. */
  readonly active: RoutedVersion;
  readonly trial: TrialVersion | undefined;
}

export interface RoutedRequest {
  /** Only this version may answer. */
  readonly version: ModelVersion | undefined;
  /** Requests of one key are answered by one version, as long as it can. */
  readonly key: string;
}

export type Route =
  /** Only this version may answer: the request names it. */
  | { readonly kind: "only"; readonly to: StatementDigest }
  /** The version on trial; the active one where that cannot. */
  | { readonly kind: "trial"; readonly to: StatementDigest }
  /** The active version, whichever it is when its turn comes. Once it is answered, the version on trial is asked too. */
  | { readonly kind: "active"; readonly isCopied: boolean };

/** Undefined where the request names a version that is not there. */
export function route({ active, trial }: Roles, { version, key }: RoutedRequest): Route | undefined {
  if (version !== undefined) {
    const named = [active, trial].find((one) => one?.version === version);
    return named && { kind: "only", to: named.statement };
  }
  if (trial?.isReady !== true || placeOf(key, trial.statement) >= trial.traffic.share) {
    return { kind: "active", isCopied: false };
  }
  return trial.traffic.kind === "split" ? { kind: "trial", to: trial.statement } : { kind: "active", isCopied: true };
}

/**
 * Where a key stands between 0 and 1, evenly: those below the share belong to it. The statement has a part in it, so that
 * each version is tried by other keys. FNV-1a over the UTF-16 code units, and then the finalizer of MurmurHash3, because
 * the high bits of FNV-1a alone hardly differ between short keys.
 */
export function placeOf(key: string, statement: StatementDigest): number {
  let hash = 0x811c9dc5;
  for (const text of [statement, key]) {
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
