/** What `transition` hears, what it depends on, and what it answers with. */
import type { StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import type { Mates } from "./mates.ts";
import type { Poison, PoisonChange } from "./poison.ts";
import type { SoakObservation } from "./probe.ts";
import type { HeldBundle, SlotState } from "./state.ts";

export type SlotEvent =
  /** The agent starts: whatever was under way is not any more. */
  | { readonly kind: "booted" }
  /** An accepted, fresh deployment wishes this, as a change that came with deployment `seq`; see `mates.ts`. */
  | { readonly kind: "desired"; readonly wish: DeployedSlot; readonly seq: number }
  /** An accepted, fresh deployment does not name the slot. */
  | { readonly kind: "undesired" }
  | { readonly kind: "transferred"; readonly work: number }
  | { readonly kind: "verified"; readonly work: number }
  | { readonly kind: "qualified"; readonly work: number }
  /**
   * The traffic of the slot has been turned over to this bundle, and what answered before stands by; or, with `traffic`, it
   * has that beside what answers.
   */
  | {
      readonly kind: "activated";
      readonly work: number;
      readonly bundle: HeldBundle;
      readonly traffic?: SoakTraffic | undefined;
    }
  | { readonly kind: "refused"; readonly work: number; readonly refusal: Refusal }
  /** While soaking, several times a second: how the candidate has done so far. */
  | { readonly kind: "observed"; readonly observation: SoakObservation }
  /** What answered has ended, and cannot be started again. */
  | { readonly kind: "lost"; readonly statement: StatementDigest; readonly refusal: Refusal }
  /** Without any deployment: a bundle that was good before answers again, or cannot. */
  | { readonly kind: "restored"; readonly bundle: HeldBundle }
  | { readonly kind: "not-restored"; readonly bundle: HeldBundle; readonly refusal: Refusal }
  /** Time has passed, or a mate has moved. */
  | { readonly kind: "ticked" };

export type SlotEffect =
  | { readonly kind: "transfer"; readonly work: number; readonly wish: DeployedSlot }
  | {
      readonly kind: "verify";
      readonly work: number;
      readonly wish: DeployedSlot;
      readonly source: "archive" | "held";
    }
  | { readonly kind: "qualify"; readonly work: number; readonly wish: DeployedSlot }
  | { readonly kind: "activate"; readonly work: number; readonly wish: DeployedSlot }
  /** Stop what this attempt is doing, and end its runner if it has one without traffic. */
  | { readonly kind: "cancel"; readonly work: number }
  /** Traffic from this bundle to the other one, which is `to`; null: there was none. Nothing happens where `from` has no traffic. */
  | { readonly kind: "turn-back"; readonly from: HeldBundle; readonly to: HeldBundle | null }
  /** The newest version has all of the traffic; the one before it ends. */
  | { readonly kind: "release" }
  /** Stop serving the slot. */
  | { readonly kind: "clear" }
  | { readonly kind: "restore"; readonly bundle: HeldBundle };

/** What the decision depends on besides state and event. */
export interface Surroundings {
  /** Trusted time, milliseconds since 1970. */
  readonly nowMs: number;
  /** The device is fresh, and neither its deployment nor its root has expired. */
  readonly mayInstall: boolean;
  /** Verified bundles on this device's disk. */
  readonly held: ReadonlySet<StatementDigest>;
  /** In [0, 1): spreads the retries of a fleet. */
  readonly chance: number;
  /** How far the slots have come that change together with this one. */
  readonly mates: Mates;
  /** What failed here for good. */
  readonly poisons: readonly Poison[];
  /** Of the agent's own slot: the bundle that runs, where it came as one. Absent: the slot of a model. */
  readonly own?: { readonly running: StatementDigest | undefined };
}

export interface Step {
  readonly next: SlotState;
  readonly effects: readonly SlotEffect[];
  /** Stored together with `next`. */
  readonly poison?: PoisonChange;
}

export function stay(next: SlotState, effects: readonly SlotEffect[] = []): Step {
  return { next, effects };
}

export function cancelling(work: number): SlotEffect {
  return { kind: "cancel", work };
}
