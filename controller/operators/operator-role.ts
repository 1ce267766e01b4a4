import { Type, type Static } from "typebox";

const ROLES = ["viewer", "annotator", "operator", "approver", "admin"] as const;

/**
 * Annotators tell what was true of predictions: gates and experiments may rest on it, and whoever labels pictures need not move
 * the fleet. Operators act, approvers say yes to what waits for it: one person has both only as an admin,
 * so that two can be asked for.
 */
export const OperatorRole = Type.Enum(ROLES);
export type OperatorRole = Static<typeof OperatorRole>;

/** Who a route is for: one role, any of several, or `anyone`, who needs no token. */
export type RouteRole = NeededRole | "anyone";
export type NeededRole = OperatorRole | readonly OperatorRole[];

export const OPERATOR_ROLES: readonly OperatorRole[] = ROLES;

/** What may be used by whoever has the role. */
const MAY_DO: Readonly<Record<OperatorRole, readonly OperatorRole[]>> = {
  viewer: ["viewer"],
  annotator: ["viewer", "annotator"],
  operator: ["viewer", "annotator", "operator"],
  approver: ["viewer", "approver"],
  admin: ROLES,
};

export function mayDo(role: OperatorRole, needed: NeededRole): boolean {
  return rolesOf(needed).some((one) => MAY_DO[role].includes(one));
}

/** The roles that a route names, one by one. */
export function rolesOf(needed: NeededRole): readonly OperatorRole[] {
  return typeof needed === "string" ? [needed] : needed;
}

/** As a sentence names them. */
export function roleText(needed: NeededRole): string {
  return rolesOf(needed).join(" or ");
}
