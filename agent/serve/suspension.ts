import type { ModelName } from "../../protocol/ids.ts";
import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";

/**
 * Models that this device's administrator has taken out of service: they stay loaded, verified and up to date, and are not
 * there for whoever asks, over HTTP and MQTT alike. Until they are resumed or the agent starts again.
 */
export interface Suspension {
  /** The engine as callers see it. */
  readonly engine: InferenceEngine;
  readonly suspend: (slot: ModelName) => void;
  readonly resume: (slot: ModelName) => void;
  readonly suspended: () => readonly ServedSlot[];
}

/** `onChange` is told what is suspended, or resumed. */
export function suspendable(
  engine: InferenceEngine,
  onChange: (slot: ModelName, isSuspended: boolean) => void = () => undefined,
): Suspension {
  const away = new Set<ModelName>();
  return {
    engine: { ...engine, slots: () => engine.slots().filter(({ slot }) => !away.has(slot)) },
    suspend: (slot) => {
      if (away.has(slot)) return;
      away.add(slot);
      onChange(slot, true);
    },
    resume: (slot) => {
      if (away.delete(slot)) onChange(slot, false);
    },
    suspended: () => engine.slots().filter(({ slot }) => away.has(slot)),
  };
}
