import { FEATURES, type Feature } from "../../protocol/features.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";

export interface FeatureFit {
  /** The agent would refuse it. */
  readonly obstacle: string | undefined;
  readonly notes: readonly string[];
}

/** Whether a device's agent understands what it is to be sent, as far as it tells. */
export function featureFit(needed: readonly Feature[], { agentVersion, features }: DeviceInfo): FeatureFit {
  const missing = needed.filter((feature) => features?.includes(feature) !== true);
  if (missing.length === 0) return { obstacle: undefined, notes: [] };
  const what = missing.map((feature) => FEATURES[feature]).join("; ");
  if (features === undefined) {
    const note = `its agent ${agentVersion} does not tell what it understands, and may be too old for: ${what}`;
    return { obstacle: undefined, notes: [note] };
  }
  return {
    obstacle: `its agent ${agentVersion} is too old for: ${what}. It would refuse them; update it first`,
    notes: [],
  };
}
