import t from "tap";
import { join } from "node:path";
import { deleteRollout } from "../../../controller/rollout/delete-rollout.ts";
import type { RolloutState } from "../../../controller/store/rollout-state.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { storeRollout } from "../../support/stored-rollout.ts";

const cases: readonly (readonly [state: RolloutState, isBack: boolean, outcome: string])[] = [
  ["running", true, "End it first"],
  ["paused", true, "End it first"],
  ["rolling-back", false, "End it first"],
  ["rolled-back", false, "They do when they are back online"],
  ["rolled-back", true, "deleted"],
  ["completed", true, "deleted"],
  ["aborted", false, "deleted"],
];

for (const [state, isBack, outcome] of cases) {
  t.test(`a rollout that is ${state}, its device ${isBack ? "settled" : "still to go back"}: ${outcome}`, async (t) => {
    await using opened = await openStore(join(t.testdir(), "controller.db"));
    const { store } = opened;
    await storeRollout(store, {}, state);
    const device = "cam-1" as DeviceId;
    await store
      .insertInto("devices")
      .values({ id: device, first_seen_ms: 0, last_heard_ms: 0, online: 0, online_since_ms: 0 })
      .execute();
    await store
      .insertInto("rollout_devices")
      .values({
        rollout: 1,
        device,
        state: isBack ? "reverted" : "reverting",
        since_ms: 0,
        ask: "back",
        live: 1,
        reachable: 0,
        tries: 0,
        ordinal: 0,
      })
      .execute();
    if (outcome === "deleted") {
      await deleteRollout(store, 1, 1_000);
      t.same(await store.selectFrom("rollouts").select("id").execute(), []);
      t.same(await store.selectFrom("rollout_devices").select("device").execute(), []);
      t.match(await store.selectFrom("events").selectAll().execute(), [{ kind: "rollout-deleted", text: /which was/ }]);
    } else {
      await t.rejects(deleteRollout(store, 1, 1_000), {
        code: "rollout-under-way",
        exitCode: 6,
        hint: new RegExp(outcome),
      });
      t.equal((await store.selectFrom("rollout_devices").select("device").execute()).length, 1);
    }
  });
}

t.test("a rollout that is not there is not found", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  await t.rejects(deleteRollout(opened.store, 7, 0), { code: "not-found", message: "There is no rollout 7" });
});
