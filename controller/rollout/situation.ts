/** All that `decide.ts` knows, and all that it can say. Data only: an engine, a simulation or a test puts it together. */
import type { DeviceId, ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Approval, RolloutDeviceState, RolloutState, StagePhase } from "../store/rollout-state.ts";
import type { GateResult } from "./gate-result.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import type { Tally } from "./tally.ts";

/** The rollout itself. */
export interface RolloutFacts {
  readonly id: number;
  readonly statement: StatementDigest;
  /** Where the model is served. */
  readonly slot: ModelName;
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
  /** Index into `spec.stages`. */
  readonly stage: number;
  readonly phase: StagePhase;
  /** When the stage came into its phase. */
  readonly sinceMs: number;
  readonly approvals: readonly Approval[];
  /** The stage that a person let through whatever its gates say; null for none. */
  readonly gatesWaivedStage: number | null;
  /** So many failed devices a person has accepted by resuming; the abort criteria and the quorum begin above them. */
  readonly failuresAccepted: number;
}

/** A device's place in a rollout: all of it that deciding changes. */
export interface MemberStanding {
  readonly state: RolloutDeviceState;
  /** The stage that took the device; null until then. */
  readonly stage: number | null;
  /** Its deployment has been changed for what `state` says: forwards, or, while it is reverting, back. */
  readonly asked: boolean;
  /** Online, and able to be asked: shares and quorum are over these. */
  readonly reachable: boolean;
  /** Further tries after the first. */
  readonly tries: number;
  /** Why it is not done, in a sentence; null when it is. */
  readonly why: string | null;
}

export interface RolloutMember extends MemberStanding {
  readonly device: DeviceId;
  /** Devices are taken in ascending order of this; see `order-of.ts`. */
  readonly order: number;
  /** The sequence of the deployment that asks for what `state` says; null where `asked` is false. */
  readonly seq: number | null;
  /** When the present try began; null where `asked` is false. */
  readonly startedMs: number | null;
  /** What the slot held before this rollout changed it: null for nothing, undefined while the rollout has not changed it. */
  readonly previous: DeployedSlot | null | undefined;
  /** Undefined where nothing has been heard since the standing was decided: it stays, and costs nothing. */
  readonly view: DeviceView | undefined;
}

/** The rollout's window at this instant. */
export interface WindowView {
  readonly open: boolean;
  /** For a person: when it opens next. */
  readonly opensAtMs: number;
}

export interface Situation {
  readonly rollout: RolloutFacts;
  /**
   * Those of which something was heard, those whose time is over, and those that may be taken next. The others are in the
   * tally alone. Superseded ones are left out.
   */
  readonly members: readonly RolloutMember[];
  /** Over all members, those above included, as they stood before this decision. */
  readonly tally: Tally;
  /** True where the rollout has waiting devices that might be taken and are not among `members`. */
  readonly hasMore: boolean;
  /** Undefined where they were not read this time. */
  readonly gates: readonly GateResult[] | undefined;
  /** Null where the rollout has none. */
  readonly window: WindowView | null;
  /** Tries that began within the last 60 s. */
  readonly begunLately: number;
  /** Deployments to change in this decision at most: what one transaction may hold. */
  readonly changesMax: number;
  /** The controller's clock. */
  readonly nowMs: number;
}

export type Decision =
  /** Put the bundle into the device's deployment. A greater `to.tries` than before is a further try. */
  | { readonly kind: "issue"; readonly device: DeviceId; readonly to: MemberStanding }
  /** Give the device's slot back what it had before, or nothing. */
  | { readonly kind: "revert"; readonly device: DeviceId; readonly to: MemberStanding }
  | { readonly kind: "mark"; readonly device: DeviceId; readonly to: MemberStanding }
  /** The stage comes into a phase, or the next stage begins. */
  | { readonly kind: "stage"; readonly stage: number; readonly phase: StagePhase }
  | {
      readonly kind: "settle";
      readonly state: RolloutState;
      /** For a person, with the numbers; null where the state says it all. */
      readonly why: string | null;
    }
  /** From here on every device that the rollout changed goes back. */
  | { readonly kind: "roll-back"; readonly why: string };
