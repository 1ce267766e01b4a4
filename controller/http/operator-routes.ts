import { Type, type Static } from "typebox";
import { AuditEntry } from "../audit/audit-entry.ts";
import { OperatorRole } from "../operators/operator-role.ts";
import { route } from "./route.ts";

/** Lower-case letters, digits, `-`, `.`, `@`: a person's or a program's name, or an e-mail address. */
export const OperatorName = Type.String({ pattern: "^[a-z0-9][a-z0-9.@-]{0,62}$" });

const Operator = Type.Object({
  name: OperatorName,
  role: OperatorRole,
  createdMs: Type.Number(),
  /** When the present token was made. */
  tokenMs: Type.Number(),
});
export type Operator = Static<typeof Operator>;

/** The token is shown this once; the controller keeps its SHA-256. */
const Issued = Type.Object({ operator: Operator, token: Type.String() });

const params = Type.Object({ name: OperatorName });

export const OPERATOR_ROUTES = {
  whoAmI: route({
    method: "GET",
    path: "/api/v1/whoami",
    tag: "operators",
    summary: "Whose token this is",
    role: "viewer",
    result: Operator,
  }),
  listOperators: route({
    method: "GET",
    path: "/api/v1/operators",
    tag: "operators",
    summary: "Who may use this API, by name",
    role: "admin",
    result: Type.Object({ operators: Type.Array(Operator) }),
  }),
  addOperator: route({
    method: "POST",
    path: "/api/v1/operators",
    tag: "operators",
    summary: "Adds an operator and gives the token, this once",
    role: "admin",
    changes: true,
    body: Type.Object({ name: OperatorName, role: OperatorRole }, { additionalProperties: false }),
    result: Issued,
  }),
  removeOperator: route({
    method: "DELETE",
    path: "/api/v1/operators/:name",
    tag: "operators",
    summary: "Removes an operator: the token is worth nothing from then on",
    role: "admin",
    changes: true,
    params,
    result: Operator,
  }),
  rotateOperator: route({
    method: "POST",
    path: "/api/v1/operators/:name/rotate",
    tag: "operators",
    summary: "Exchanges an operator's token and gives the new one, this once",
    role: "admin",
    changes: true,
    params,
    result: Issued,
  }),
  listAudit: route({
    method: "GET",
    path: "/api/v1/audit",
    tag: "operators",
    summary: "Who did what, ascending: the newest, or those after a number",
    role: "viewer",
    query: Type.Object({
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
    }),
    result: Type.Object({ entries: Type.Array(AuditEntry) }),
  }),
} as const;
