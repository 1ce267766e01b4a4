import type { LoadedModel, LoadedState } from "./loaded-model.ts";
import type { ServingVersion } from "./slot/serving-version.ts";
import type { Slot } from "./slot/slot.ts";

export function loadedModels(slots: Iterable<Slot>): LoadedModel[] {
  return [...slots].flatMap((slot) => [...slot.versions].map((version) => loadedModel(slot, version)));
}

function loadedModel(slot: Slot, version: ServingVersion): LoadedModel {
  const { statement, model } = version.bundle;
  const served = slot.served();
  const { choice } = version;
  const sinceMs = version === slot.active ? served?.sinceMs : served?.trial?.sinceMs;
  const isServed = version === slot.active || isOnTrial(slot, version);
  return {
    slot: slot.name,
    version: model.version,
    statement,
    state: stateOf(slot, version),
    provider: choice.provider,
    variant: model.variants === undefined ? undefined : choice.variant,
    memoryBytes: version.residentBytes(),
    latencyP95Ms: version.observed().latencyP95Ms,
    restarts: version.restarts,
    sinceMs: isServed ? sinceMs : undefined,
  };
}

function stateOf(slot: Slot, version: ServingVersion): LoadedState {
  if (version === slot.active) return activeState(version);
  if (isOnTrial(slot, version)) return "on-trial";
  if (version === slot.standby) return version.isOff ? "unloaded" : "stands-by";
  return "ends";
}

function activeState({ isReady, isLost, isOff }: ServingVersion): LoadedState {
  if (isReady) return "answers";
  if (isLost) return "lost";
  return isOff ? "suspended" : "restarts";
}

function isOnTrial(slot: Slot, version: ServingVersion): boolean {
  return slot.served()?.trial?.bundle.statement === version.bundle.statement && version !== slot.active;
}
