import { Type, type Static } from "typebox";

/** Ascending: each role may do what those before it may. */
const ROLES = ["viewer", "operator", "approver", "admin"] as const;

/** Viewers read; operators change the fleet; approvers also say yes to what others ask for; admins also manage operators. */
export const OperatorRole = Type.Enum(ROLES);
export type OperatorRole = Static<typeof OperatorRole>;

/** Who a route is for: `anyone` needs no token. */
export type RouteRole = OperatorRole | "anyone";

export function mayDo(role: OperatorRole, needed: OperatorRole): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

export const OPERATOR_ROLES: readonly OperatorRole[] = ROLES;
