/** Between the test and the attacker's process. */
import type { Loot } from "./attacker.ts";

export type ToAttacker =
  | { readonly kind: "attempt"; readonly attack: string; readonly loot: Loot }
  | { readonly kind: "serve"; readonly archive: Uint8Array }
  /** The attacker lets go of the broker: it forwards everything as it is. */
  | { readonly kind: "relent" }
  /** A message that makes no sense behind all that was sent before: the device counts it. */
  | { readonly kind: "fence"; readonly topic: string };

export type FromAttacker =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "done"; readonly number: number; readonly error?: string };
