/** What the rollout engine asks about the gates of a stage, and whom it asks. */
import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { GateResult } from "./gate-result.ts";
import type { Gate } from "./rollout-spec.ts";

export interface GateRequest {
  readonly rollout: number;
  /** Index into the rollout's stages: what one stage has counted is not carried over to the next. */
  readonly stage: number;
  /** Where the model is served. */
  readonly slot: ModelName;
  /** The one that is being rolled out. */
  readonly version: ModelVersion;
  readonly gates: readonly Gate[];
  /** The version soaks beside the one that it is to replace: both are measured at the same time. */
  readonly isBeside: boolean;
  /** The stage's devices that were asked to take the version. */
  readonly devices: readonly GateDevice[];
  /** Until then a gate fails or says nothing yet: it passes at the end. */
  readonly isSoakOver: boolean;
}

export interface GateDevice {
  readonly device: DeviceId;
  /** When its deployment was changed, by the controller's clock: records that came before are of an earlier stay. */
  readonly sinceMs: number;
  /** What it served in the slot before; null for nothing: there is nothing to compare with then. */
  readonly replaces: ModelVersion | null;
}

/** One result for each gate, in their order. May be asked at every pass: what cannot have changed is not read again. */
export type ReadGates = (request: GateRequest, nowMs: number) => Promise<readonly GateResult[]>;
