import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import { Refused } from "../refused.ts";

/** Whether a request to one model is one to the other as well, and so is its answer. */
export function sameInterface(a: ModelJson, b: ModelJson): boolean {
  return interfaceOf(a) === interfaceOf(b);
}

function interfaceOf({ inputs, outputs }: ModelJson): string {
  const tensors = [inputs, outputs].map((specs) => specs.map(({ name, datatype, shape }) => [name, datatype, shape]));
  return JSON.stringify(tensors);
}

/** Throws Refused where one request could not be asked of both. */
export function requireSameInterface(
  active: VerifiedBundle | undefined,
  next: VerifiedBundle,
  { kind }: SoakTraffic,
): void {
  if (active === undefined || sameInterface(active.model, next.model)) return;
  const [is, was] = [next.model.version, active.model.version];
  throw new Refused(
    "traffic-impossible",
    `A ${kind} asks ${was} and ${is} the same, and their inputs or outputs differ: roll it out in mode replace`,
  );
}
