import { elementsIn } from "../tensor-elements.ts";
import type { Tensor } from "../tensor.ts";
import type { OutputRange } from "./model-json.ts";

/** Whether a value lies outside; NaN does. Of byte strings none does. Throws SCHEMA where the bytes do not fit the shape. */
export function isOutside(tensor: Tensor, [least, most]: Readonly<OutputRange>): boolean {
  const elements = elementsIn(tensor);
  const count = elements.length;
  for (let at = 0; at < count; at += 1) {
    const value = elements[at];
    if (!(value instanceof Uint8Array) && !(Number(value) >= least && Number(value) <= most)) return true;
  }
  return false;
}
