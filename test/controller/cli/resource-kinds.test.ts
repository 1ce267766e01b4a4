import t from "tap";
import { kindOf, rolloutOf, rolloutResource } from "../../../controller/cli/resource-kinds.ts";
import { createClient } from "../../../controller/http/client.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";

t.test("a kind is known in the singular and the plural", async (t) => {
  t.same(["device", "devices", "groups", "bundle", "rollouts", "experiments", "alerts", "schedule"].map(kindOf), [
    "device",
    "device",
    "group",
    "bundle",
    "rollout",
    "experiment",
    "alert",
    "schedule",
  ]);
  t.throws(() => kindOf("rolout"), {
    code: "usage",
    hint: "Did you mean rollout? There are device, group, bundle, rollout, experiment, alert, schedule.",
  });
  t.throws(() => kindOf("pods"), {
    code: "usage",
    hint: "There are device, group, bundle, rollout, experiment, alert, schedule.",
  });
});

t.test("what is neither number nor name of a rollout is refused before anybody is asked", async (t) => {
  const nobody = createClient("http://127.0.0.1:1");
  await t.rejects(rolloutOf(nobody, "Digits 1"), { code: "usage" });
  await t.rejects(rolloutOf(nobody, "digits-1"), { code: "controller-unreachable" });
});

t.test("a rollout that nobody named is called after its number", async (t) => {
  const spec = completeSpec({ model: "digits" as ModelName, version: "1.0.0" as ModelVersion });
  t.match(rolloutResource({ id: 7, state: "running", spec }), { kind: "Rollout", name: "rollout-7" });
  const named = { ...spec, name: "digits-1" };
  t.match(rolloutResource({ id: 7, state: "running", spec: named }), { name: "digits-1" });
});
