/** One run, as data: who is there, what is done, what goes wrong. The same scenario and seed always end the same way. */
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import type { Fault } from "./faults.ts";
import type { DevicePlan } from "./virtual-device.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import type { World } from "./world.ts";
import type { VirtualRollouts } from "./virtual-rollouts.ts";

/** 2026-11-21, a Saturday. Times of actions and the end are counted from it. */
export const START_MS = Date.UTC(2026, 10, 21);

/** What people do. Rollouts are named by their place among those that were created. */
export type Action =
  | { readonly kind: "create"; readonly atMs: number; readonly author: string; readonly request: RolloutRequest }
  | { readonly kind: "pause" | "resume" | "abort" | "rollback"; readonly atMs: number; readonly rollout: number }
  | { readonly kind: "approve"; readonly atMs: number; readonly rollout: number; readonly by: string }
  /** The director wishes these versions of all devices at once, without a rollout. */
  | { readonly kind: "wish"; readonly atMs: number; readonly bundles: readonly VirtualBundle[] };

export interface Scenario {
  readonly name: string;
  readonly seed: number;
  readonly devices: readonly DevicePlan[];
  readonly bundles: readonly VirtualBundle[];
  readonly actions: readonly Action[];
  readonly faults: readonly Fault[];
  /** By then every fault is over, and all that can converge has to have. */
  readonly endMs: number;
  readonly heartbeatMs: number;
  /** How often rollouts are looked at even where nothing was heard. */
  readonly tickMs: number;
  /** What must be so at the end, besides what must be so at the end of every run. Throws Violation. */
  readonly expect: (end: {
    readonly world: World;
    readonly rollouts: VirtualRollouts;
    readonly scenario: Scenario;
  }) => void;
}
