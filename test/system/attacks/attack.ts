import type { RefusalCode } from "../../../protocol/trust/refusal.ts";
import type { Attacker } from "./attacker.ts";
import type { Stage } from "./stage.ts";

/** What is in the attacker's hands. `broker` and `network` hold no key at all; who holds keys also owns the broker. */
export type Power = "network" | "broker" | "controller" | "publisher-minus-one" | "disk";

/**
 * What the device says and does: a refusal by its code; or, where nothing is refused, that the attack changes nothing
 * (`no effect`), that the device waits with its old model (`waits`), that it comes through (`recovers`), or that the
 * controller did not believe a report (`report refused`).
 */
export type Outcome = RefusalCode | "no effect" | "waits" | "recovers" | "report refused";

export interface AttackCase {
  readonly attack: string;
  readonly power: Power;
  readonly outcome: Outcome;
  /** Runs in the attacker's process, with what its power gives it. */
  readonly attempt: (attacker: Attacker) => Promise<void> | void;
  /** What happens around the attempt, as seen from outside; absent: nothing else, and the device is watched. */
  readonly play?: (stage: Stage, attempt: () => Promise<void>) => Promise<Outcome>;
  /** The device itself is down for a while: only then may a request go unanswered. */
  readonly hasDowntime?: true;
}
