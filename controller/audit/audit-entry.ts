/** One line of the audit log, and the hash that ties it to all lines before it. */
import { Type, type Static } from "typebox";
import { Sha256 } from "../../protocol/ids.ts";
import { sha256 } from "../../protocol/trust/digest.ts";

/** `done`: in the same transaction as the change. `denied`: the token or the role was missing. `failed`: nothing changed. */
const Outcome = Type.Enum(["done", "denied", "failed"]);
export type Outcome = Static<typeof Outcome>;

export const AuditEntry = Type.Object({
  /** 1, 2, 3, … without a hole. */
  seq: Type.Integer({ minimum: 1 }),
  /** The controller's clock. */
  atMs: Type.Integer(),
  /** An operator's name, `(system)`, or `(nobody)` where the token was missing or unknown. */
  actor: Type.String(),
  /** The name of the route: `labelDevice`, `createRollout`, … */
  action: Type.String(),
  /** On what: a device, a bundle, an operator, …; null where there is no such thing. */
  target: Type.Union([Type.String(), Type.Null()]),
  outcome: Outcome,
  detail: Type.Union([Type.String(), Type.Null()]),
  hash: Sha256,
});
export type AuditEntry = Static<typeof AuditEntry>;

/** The hash before the first entry. */
export const GENESIS = "0".repeat(64) as Sha256;

/**
 * SHA-256 of the former entry's hash and all fields of this one, as a JSON array in this order: nothing can be changed,
 * taken out or put in without changing every hash from there on.
 */
export function entryHash(former: Sha256, entry: Omit<AuditEntry, "hash">): Sha256 {
  const { seq, atMs, actor, action, target, outcome, detail } = entry;
  return sha256(JSON.stringify([FORMAT, former, seq, atMs, actor, action, target, outcome, detail]));
}

/** Other documents hashed the same way can never be taken for an entry. */
const FORMAT = "modelferry-audit-v1";
