import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { UpdatePorts } from "../update/run.ts";
import type { OwnVersion } from "./own-version.ts";

/** One engine for all slots of a device: models are the inference engine's, the agent's own slot is its own. */
export function engineWithOwn(engine: UpdatePorts["engine"], own: OwnVersion): UpdatePorts["engine"] {
  const of = (slot: string) => (slot === AGENT_NAME ? own : engine);
  return {
    qualify: (slot, ...more) => of(slot).qualify(slot, ...more),
    activate: (slot, ...more) => of(slot).activate(slot, ...more),
    release: (slot) => of(slot).release(slot),
    turnBack: (slot, ending) => of(slot).turnBack(slot, ending),
    clear: (slot) => of(slot).clear(slot),
    observed: (slot) => of(slot).observed(slot),
    // A version of the agent holds nothing before it has the device.
    discard: async (candidate) => {
      if (candidate.bundle.model.kind === undefined) await engine.discard(candidate);
    },
    slots: () => {
      const served = own.served();
      return served === undefined ? engine.slots() : [...engine.slots(), served];
    },
    onLost: (listener) => engine.onLost(listener),
  };
}
