/** How a version gets its traffic while it soaks beside the one that it is to replace. */
import { Type, type Static } from "typebox";
import { closedObject } from "../schema.ts";

/**
 * `split`: it answers a share of the requests, the same one for a request key throughout; the former version answers the
 * rest, and what the new one fails. `shadow`: it answers nothing; a copy of a share of the requests goes to it, after they
 * were answered. A slot without either replaces: the new version answers everything, and the former one stands by.
 */
export const SoakTraffic = Type.Union([
  closedObject({ kind: Type.Literal("split"), share: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }) }),
  closedObject({ kind: Type.Literal("shadow"), share: Type.Number({ exclusiveMinimum: 0, maximum: 1 }) }),
]);
export type SoakTraffic = Static<typeof SoakTraffic>;

export function sameTraffic(one: SoakTraffic | undefined, other: SoakTraffic | undefined): boolean {
  return one?.kind === other?.kind && one?.share === other?.share;
}
