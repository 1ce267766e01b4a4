import t from "tap";
import { join } from "node:path";
import { setGroup } from "../../../controller/fleet/groups.ts";
import { deleteGroup, usersOfGroup } from "../../../controller/rollout/delete-group.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import type { RolloutState } from "../../../controller/store/rollout-state.ts";
import { openStore } from "../../../controller/store/store.ts";
import { storeRollout } from "../../support/stored-rollout.ts";

const cases: readonly {
  readonly when: string;
  readonly request: Partial<RolloutRequest>;
  readonly state: RolloutState;
  readonly keeps: boolean;
}[] = [
  { when: "a running rollout chose by it", request: { selector: "@cams" }, state: "running", keeps: true },
  { when: "a paused rollout chose by it", request: { selector: "a, !@cams" }, state: "paused", keeps: true },
  {
    when: "a completed rollout follows it",
    request: { selector: "@cams", follow: true },
    state: "completed",
    keeps: true,
  },
  { when: "a completed rollout chose by it", request: { selector: "@cams" }, state: "completed", keeps: false },
  {
    when: "an aborted rollout followed it",
    request: { selector: "@cams", follow: true },
    state: "aborted",
    keeps: false,
  },
  { when: "a running rollout chose by labels", request: { selector: "cams" }, state: "running", keeps: false },
  {
    when: "a stage of a running rollout takes it",
    request: {
      stages: [
        { name: "cams", take: { kind: "selector", selector: "@cams" }, soakMs: 0, approval: "none" },
        { name: "all", take: { kind: "share", share: 1, min: 1 }, soakMs: 0, approval: "none" },
      ],
    },
    state: "running",
    keeps: true,
  },
];

for (const { when, request, state, keeps } of cases) {
  t.test(`a group ${keeps ? "stays" : "can go"} when ${when}`, async (t) => {
    await using opened = await openStore(join(t.testdir(), "controller.db"));
    const { store } = opened;
    await setGroup(store, { name: "cams", selector: "camera", replace: false }, 0);
    await storeRollout(store, request, state);
    t.same(await usersOfGroup(store, "cams"), keeps ? [{ kind: "rollout", name: "1" }] : []);
    if (!keeps) await t.resolves(deleteGroup(store, "cams"));
    else await t.rejects(deleteGroup(store, "cams"), { code: "group-in-use", message: /rollout 1/, hint: /abort/ });
  });
}

t.test("a group that another group names stays; one that is not there is not found", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  await setGroup(store, { name: "cams", selector: "camera", replace: false }, 0);
  await setGroup(store, { name: "oslo-cams", selector: "site=oslo, @cams", replace: false }, 0);
  await t.rejects(deleteGroup(store, "cams"), { code: "group-in-use", message: /group "oslo-cams"/ });
  await deleteGroup(store, "oslo-cams");
  await deleteGroup(store, "cams");
  await t.rejects(deleteGroup(store, "cams"), { code: "not-found" });
});
