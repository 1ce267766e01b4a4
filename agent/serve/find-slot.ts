import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import { InferenceError } from "../inference/inference-error.ts";

/** What serves under a name that came from outside. Throws InferenceError `unknown-model`, saying what there is. */
export function findSlot(engine: Pick<InferenceEngine, "slots">, name: string): ServedSlot {
  const slots = engine.slots();
  const served = slots.find(({ slot }) => slot === name);
  if (served !== undefined) return served;
  const known =
    slots.length === 0 ? "no model is served here yet" : `served here: ${slots.map(({ slot }) => slot).join(", ")}`;
  throw new InferenceError("unknown-model", `Request for unknown model: '${name}' is not found (${known})`);
}
