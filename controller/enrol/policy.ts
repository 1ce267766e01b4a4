/** Who gets a certificate: decided from what is stored, the request and the time alone. */
import { RENEWAL_GRACE_MS } from "../../protocol/enrol/lifetime.ts";
import { unreachable } from "../../protocol/unreachable.ts";

/** What a machine that asks is told; `docs/SECURITY.md` lists them. */
export const ENROL_REFUSAL_CODES = [
  "token-unknown",
  "token-used",
  "token-expired",
  "wrong-fleet",
  "csr-invalid",
  "certificate-unknown",
  "certificate-revoked",
  "certificate-too-old",
  "wrong-key",
  "approval-closed",
  "approval-rejected",
  "name-reserved",
  "too-many-waiting",
] as const;
export type EnrolRefusalCode = (typeof ENROL_REFUSAL_CODES)[number];

interface Refused {
  readonly kind: "refused";
  readonly code: EnrolRefusalCode;
  readonly why: string;
}

export type Verdict = { readonly kind: "granted" } | Refused;

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
  /** Whether the token's device is known by that key already. */
  readonly isKnownKey: boolean;
  readonly nowMs: number;
}

/** A used token serves the key that used it until its time has passed: a device may lose power, or find its card full, before it has kept the answer. */
export function judgeJoin({ token, fleet, askedFleet, isKeyProven, isKnownKey, nowMs }: JoinFacts): Verdict {
  if (askedFleet !== fleet) return refused("wrong-fleet", `this is fleet ${fleet}, not ${askedFleet}`);
  if (token === undefined) return refused("token-unknown", "no such token was given out here");
  const isAgain = isKeyProven && isKnownKey;
  if (token.usedMs !== null && !isAgain) return refused("token-used", "the token has been used: each serves once");
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

/** Keys that wait at once: what one person can look through, and what a flood of strangers may cost. */
export const WAITING_MAX = 1_000;
/** From one network, such as a site behind one address: others must find room. */
export const WAITING_PER_NETWORK_MAX = 64;
/** Under one name: one is the device, and each other one is somebody who wants to be it. */
export const WAITING_PER_DEVICE_MAX = 4;

export interface AskingFacts {
  /** Whether devices may ask without a token at all. */
  readonly isOpen: boolean;
  readonly fleet: string;
  /** Absent where the device leaves it to the controller. */
  readonly askedFleet: string | undefined;
  /** Whether the name is the controller's or an application's. */
  readonly isReserved: boolean;
  readonly isKeyProven: boolean;
  /** What is stored of this key under this name. */
  readonly known: "waiting" | "approved" | "rejected" | undefined;
  /** How many wait altogether, from this network, and under this name. */
  readonly waiting: { readonly all: number; readonly ofNetwork: number; readonly ofDevice: number };
}

export type AskingVerdict = Verdict | { readonly kind: "waits"; readonly isNew: boolean };

export function judgeAsking(facts: AskingFacts): AskingVerdict {
  const { fleet, askedFleet, waiting } = facts;
  if (!facts.isOpen) return refused("approval-closed", "here a device joins with a token alone");
  if (askedFleet !== undefined && askedFleet !== fleet)
    return refused("wrong-fleet", `this is fleet ${fleet}, not ${askedFleet}`);
  if (facts.isReserved) return refused("name-reserved", "the name is taken by the controller or an application");
  if (!facts.isKeyProven) return refused("csr-invalid", "the request is not signed by the P-256 key that it names");
  switch (facts.known) {
    case "approved":
      return { kind: "granted" };
    case "rejected":
      return refused("approval-rejected", "an operator said no to this key under this name");
    case "waiting":
      return { kind: "waits", isNew: false };
    case undefined: {
      const isFull =
        waiting.all >= WAITING_MAX ||
        waiting.ofNetwork >= WAITING_PER_NETWORK_MAX ||
        waiting.ofDevice >= WAITING_PER_DEVICE_MAX;
      if (isFull) return refused("too-many-waiting", "too many devices wait for an operator already");
      return { kind: "waits", isNew: true };
    }
    default:
      return unreachable(facts.known);
  }
}

function refused(code: EnrolRefusalCode, why: string): Refused {
  return { kind: "refused", code, why };
}
