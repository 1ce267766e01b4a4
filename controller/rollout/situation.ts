/** All that `decide.ts` knows, and all that it can say. Data only: an engine, a simulation or a test puts it together. */
import type { DeviceId, ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Selector } from "../fleet/selector.ts";
import type { Approval, RolloutState, StagePhase } from "../store/rollout-state.ts";
import type { GateResult } from "./gate-result.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import type { Standing, Tally } from "./tally.ts";

/** The rollout itself. */
export interface RolloutFacts {
  readonly id: number;
  readonly statement: StatementDigest;
  /** Where the model is served. */
  readonly slot: ModelName;
  readonly spec: RolloutSpec;
  readonly state: RolloutState;
  /** Why it is in this state, for a person; null where the state says it all. */
  readonly why: string | null;
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
export interface MemberStanding extends Standing {
  /** Further tries after the first. */
  readonly tries: number;
  /** Why it is not done, in a sentence; null when it is. */
  readonly why: string | null;
}

export interface RolloutMember extends MemberStanding {
  readonly device: DeviceId;
  /** Devices are taken in ascending order of this; see `order-of.ts`. */
  readonly order: number;
  /** The sequence of the deployment that asks; null where none does, or it is to be asked again. */
  readonly seq: number | null;
  /** When the present try began; null where `ask` is none. */
  readonly startedMs: number | null;
  /** What the slot held before this rollout changed it: null for nothing, undefined while the rollout has not changed it. */
  readonly previous: DeployedSlot | null | undefined;
  /** Undefined where nothing has been heard since the standing was decided: it stays, and costs nothing. */
  readonly view: DeviceView | undefined;
}

/** The rollout's window at this instant. */
export interface WindowView {
  readonly open: boolean;
  /** When it opens next, or opened; null where it never will again. */
  readonly opensAtMs: number | null;
}

export interface Situation {
  readonly rollout: RolloutFacts;
  /**
   * Those of which something was heard, those whose time is over, and those that may be taken (or turned back) next. The
   * others are in the tally alone; members that are not live always are.
   */
  readonly members: readonly RolloutMember[];
  /** Over all members, those above included, as they stood before this decision. */
  readonly tally: Tally;
  /** True where there may be members to take, or to turn back, that are not among `members`. */
  readonly hasMore: boolean;
  /** Undefined where they were not read this time. */
  readonly gates: readonly GateResult[] | undefined;
  /** Of the stage that takes devices at present, groups resolved; null where it takes whoever is there. */
  readonly selector: Selector | null;
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
  /** Put the bundle into the device's deployment. Where the rollout did so before, it is a further try. */
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
    };
