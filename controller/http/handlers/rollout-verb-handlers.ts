/** Rollouts once they have begun: seen, and told what to do. */
import type { Clock } from "../../../common/clock.ts";
import { eventsOfRollout } from "../../fleet/events.ts";
import { readDevices } from "../../fleet/read-devices.ts";
import { applyVerb, oneRollout } from "../../rollout/apply-verb.ts";
import { readTally, windowViewOf } from "../../rollout/read-situation.ts";
import { specOf } from "../../rollout/rollout-rows.ts";
import { readShownMembers } from "../../rollout/read-shown-members.ts";
import { listRollouts } from "../../rollout/rollouts.ts";
import type { Verb } from "../../rollout/verbs.ts";
import type { Store } from "../../store/store.ts";
import type { RolloutRow } from "../../store/tables.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { Call, Handlers } from "../bind-routes.ts";
import type { Rollout } from "../rollout-routes.ts";
import type { ROLLOUT_VERB_ROUTES } from "../rollout-verb-routes.ts";
import { detailOf, rolloutOf } from "./rollout-shapes.ts";

export interface RolloutVerbPorts {
  readonly store: Store;
  /** Decides at once about what has changed. */
  readonly settle: () => Promise<void>;
  readonly clock: Clock;
}

type Names = "listRollouts" | "getRollout" | "rolloutHistory" | keyof typeof ROLLOUT_VERB_ROUTES;

export function rolloutVerbHandlers({ store, settle, clock }: RolloutVerbPorts): Pick<Handlers, Names> {
  async function tell(id: number, verb: Verb, { operator, audit }: Call, devices?: readonly DeviceId[]) {
    const call = { rollout: id, verb, by: operator.name, devices };
    const text = await applyVerb(store, call, clock.nowMs(), (done) =>
      audit({ target: `rollout ${id}`, detail: done }),
    );
    await settle();
    return { rollout: await withCounts(store, await oneRollout(store, id)), text };
  }

  return {
    listRollouts: async ({ query }) => {
      const rows = await listRollouts(store, query.limit);
      return { rollouts: await Promise.all(rows.map((row) => withCounts(store, row))) };
    },
    getRollout: async ({ params, query }) => {
      const row = await oneRollout(store, params.id);
      const tally = await readTally(store, row.id);
      const members = await readShownMembers(store, row.id, query.devices);
      const views = await readDevices(
        store,
        members.rows.map(({ device }) => device),
      );
      const viewOf = new Map(views.map((view) => [view.id, view]));
      return detailOf({ row, tally, members, viewOf, window: windowViewOf(specOf(row), clock.nowMs()) });
    },
    rolloutHistory: async ({ params, query }) => {
      await oneRollout(store, params.id);
      const events = await eventsOfRollout(store, params.id, query.limit);
      return { events: events.map(({ at_ms, kind, text }) => ({ atMs: at_ms, kind, text })) };
    },
    pauseRollout: ({ params }, call) => tell(params.id, { kind: "pause" }, call),
    resumeRollout: ({ params, body }, call) => tell(params.id, { kind: "resume", waiveGates: body.waiveGates }, call),
    abortRollout: ({ params }, call) => tell(params.id, { kind: "abort" }, call),
    rollBackRollout: ({ params }, call) => tell(params.id, { kind: "rollback" }, call),
    approveRollout: ({ params }, call) => tell(params.id, { kind: "approve" }, call),
    retryRollout: ({ params, body }, call) => tell(params.id, { kind: "retry" }, call, body.devices),
  };
}

export async function withCounts(store: Store, row: RolloutRow): Promise<Rollout> {
  return rolloutOf(row, await readTally(store, row.id));
}
