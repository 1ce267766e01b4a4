import { listAudit } from "../../audit/audit-log.ts";
import type { Operators } from "../../operators/operators.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { OPERATOR_ROUTES } from "../operator-routes.ts";

export function operatorHandlers(store: Store, operators: Operators): Pick<Handlers, keyof typeof OPERATOR_ROUTES> {
  return {
    whoAmI: (_input, { operator }) => Promise.resolve(operator),
    listOperators: () => Promise.resolve({ operators: [...operators.list()] }),
    addOperator: ({ body: { name, role } }, { audit }) =>
      operators.add({ name, role }, audit({ target: name, detail: `as ${role}` })),
    removeOperator: ({ params: { name } }, { audit }) => operators.remove(name, audit({ target: name })),
    rotateOperator: ({ params: { name } }, { audit }) => operators.rotate(name, audit({ target: name })),
    listAudit: async ({ query }) => ({ entries: await listAudit(store, query) }),
  };
}
