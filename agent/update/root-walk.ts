/** The next roots, one by one from the one that the device has: TUF 5.3. Pure. */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { acceptNextRoot, sameKeys, type TrustRoot } from "../../protocol/trust/root.ts";
import type { TrustState } from "./deployment-gate.ts";

export interface RootWalk {
  readonly trust: TrustState;
  /** Versions that were accepted in this walk, ascending. */
  readonly accepted: readonly number[];
  /** Why the walk ended where it did, if it was not the end of what is known. */
  readonly refusal: Refusal | undefined;
}

/**
 * Roots may arrive in any order and far ahead: those that cannot be applied yet wait here, at most this many. A device
 * that is further behind gets the rest when it says hello with the version that it has reached.
 */
export const ROOTS_WAITING_MAX = 32;

/**
 * Applies every root that follows. `known` holds bytes by version, as they came. Where the director's keys change, `seq`
 * and the time floor start again: that is how a fleet recovers from a stolen director key that signed the far future.
 */
export function walkRoots(trust: TrustState, known: ReadonlyMap<number, Uint8Array>): RootWalk {
  const accepted: number[] = [];
  let current = trust;
  for (let next = known.get(current.root.version + 1); next !== undefined;) {
    try {
      current = withRoot(current, acceptNextRoot(current.root, next));
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      return { trust: current, accepted, refusal: { code: "root-refused", message: thrown.message.slice(0, 1_000) } };
    }
    accepted.push(current.root.version);
    next = known.get(current.root.version + 1);
  }
  return { trust: current, accepted, refusal: undefined };
}

function withRoot(trust: TrustState, root: TrustRoot): TrustState {
  return sameKeys(trust.root.roles.director, root.roles.director)
    ? { ...trust, root }
    : { root, seq: 0, contentDigest: null, timeFloorMs: 0 };
}
