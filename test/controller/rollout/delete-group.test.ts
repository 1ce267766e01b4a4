import t from "tap";
import { join } from "node:path";
import { setGroup } from "../../../controller/fleet/groups.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { deleteGroup, usersOfGroup } from "../../../controller/rollout/delete-group.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import type { RolloutState } from "../../../controller/store/rollout-state.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { statement } from "../../support/device-views.ts";

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

async function storeRollout(store: Store, change: Partial<RolloutRequest>, state: RolloutState): Promise<void> {
  const [name, version] = ["digits" as ModelName, "1.0.0" as ModelVersion];
  const spec = completeSpec({ model: name, version, ...change });
  await store
    .insertInto("bundles")
    .values({
      statement: statement("a"),
      name,
      version,
      archive_sha256: statement("b") as never,
      archive_length: 1,
      chunk_list_sha256: statement("c") as never,
      model_json: "{}",
      pushed_ms: 0,
    })
    .execute();
  await store
    .insertInto("rollouts")
    .values({
      statement: statement("a"),
      name,
      version,
      selector: spec.selector ?? "",
      state,
      created_ms: 0,
      finished_ms: null,
      spec_json: JSON.stringify(spec),
      follow: spec.follow ? 1 : 0,
      label: null,
      author: null,
      why: null,
      stage: 0,
      stage_phase: "deploying",
      stage_since_ms: 0,
      approvals_json: "[]",
      gates_json: null,
      gates_waived_stage: null,
      failures_accepted: 0,
      priority: 0,
    })
    .execute();
}
