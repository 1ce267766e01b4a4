/** A rollout as a row, without an engine that moves it. */
import { completeSpec } from "../../controller/rollout/complete-spec.ts";
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import type { RolloutState } from "../../controller/store/rollout-state.ts";
import type { Store } from "../../controller/store/store.ts";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import { statement } from "./device-views.ts";

/** The first of a store: it gets the number 1. */
export async function storeRollout(store: Store, change: Partial<RolloutRequest>, state: RolloutState): Promise<void> {
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
