import type { Clock } from "../../../common/clock.ts";
import { deleteRollout, noSuchRollout } from "../../rollout/delete-rollout.ts";
import { specOf } from "../../rollout/rollout-rows.ts";
import { rolloutById } from "../../rollout/rollouts.ts";
import type { Store } from "../../store/store.ts";
import type { RolloutRow } from "../../store/tables.ts";
import type { Handlers } from "../bind-routes.ts";
import type { NamedRollout, ROLLOUT_FILE_ROUTES } from "../rollout-file-routes.ts";

export function rolloutFileHandlers(store: Store, clock: Clock): Pick<Handlers, keyof typeof ROLLOUT_FILE_ROUTES> {
  return {
    findRollout: async ({ params }) => {
      const row = await store
        .selectFrom("rollouts")
        .selectAll()
        .where("label", "=", params.name)
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      if (row === undefined) throw noSuchRollout(params.name);
      return namedRollout(row);
    },
    getRolloutSpec: async ({ params }) => {
      const row = await rolloutById(store, params.id);
      if (row === undefined) throw noSuchRollout(params.id);
      return namedRollout(row);
    },
    deleteRollout: async ({ params }, { audit }) => {
      await deleteRollout(store, params.id, clock.nowMs(), audit({ target: `rollout ${params.id}` }));
      return { id: params.id };
    },
  };
}

function namedRollout(row: RolloutRow): NamedRollout {
  return { id: row.id, state: row.state, spec: specOf(row) };
}
