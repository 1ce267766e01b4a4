/** Who gets a certificate: decided from what is stored, the request and the time alone. */
import { RENEWAL_GRACE_MS } from "../../protocol/enrol/lifetime.ts";

export type EnrolRefusalCode =
  | "token-unknown"
  | "token-used"
  | "token-expired"
  | "wrong-fleet"
  | "csr-invalid"
  | "certificate-unknown"
  | "certificate-revoked"
  | "certificate-too-old"
  | "wrong-key";

export type Verdict =
  { readonly kind: "granted" } | { readonly kind: "refused"; readonly code: EnrolRefusalCode; readonly why: string };

export interface TokenFacts {
  readonly expiresMs: number;
  readonly usedMs: number | null;
}

export interface JoinFacts {
  /** Undefined where no token has this secret. */
  readonly token: TokenFacts | undefined;
  readonly fleet: string;
  readonly askedFleet: string;
  /** Whether the request is signed by the key in it. */
  readonly isKeyProven: boolean;
  readonly nowMs: number;
}

export function judgeJoin({ token, fleet, askedFleet, isKeyProven, nowMs }: JoinFacts): Verdict {
  if (askedFleet !== fleet) return refused("wrong-fleet", `this is fleet ${fleet}, not ${askedFleet}`);
  if (token === undefined) return refused("token-unknown", "no such token was given out here");
  if (token.usedMs !== null) return refused("token-used", "the token has been used: each serves once");
  if (nowMs >= token.expiresMs) return refused("token-expired", "the token's time has passed");
  if (!isKeyProven) return refused("csr-invalid", "the request is not signed by the P-256 key that it names");
  return { kind: "granted" };
}

export interface RenewalFacts {
  /** Of the certificate that is shown; undefined where this authority did not issue it. */
  readonly certificate: { readonly expiresMs: number; readonly isRevoked: boolean } | undefined;
  /** Whether the request is signed by that certificate's key. */
  readonly isSameKey: boolean;
  /** Until when an operator lets this device renew whatever its age; null: the usual rule. */
  readonly allowedUntilMs: number | null;
  readonly nowMs: number;
}

export function judgeRenewal({ certificate, isSameKey, allowedUntilMs, nowMs }: RenewalFacts): Verdict {
  if (certificate === undefined) return refused("certificate-unknown", "this fleet's CA did not issue the certificate");
  if (certificate.isRevoked) return refused("certificate-revoked", "the certificate was revoked");
  if (!isSameKey) return refused("wrong-key", "the request is not signed by the certificate's key");
  const isInTime = nowMs < certificate.expiresMs + RENEWAL_GRACE_MS;
  const isAllowed = allowedUntilMs !== null && nowMs < allowedUntilMs;
  if (isInTime || isAllowed) return { kind: "granted" };
  return refused(
    "certificate-too-old",
    "the certificate ended too long ago: an operator must allow it (`ferry device renew`)",
  );
}

function refused(code: EnrolRefusalCode, why: string): Verdict {
  return { kind: "refused", code, why };
}
