import t from "tap";
import { featureFit } from "../../../controller/rollout/feature-fit.ts";
import { planRollout, type PlannedBundle } from "../../../controller/rollout/plan.ts";
import { deviceView, INFO, modelJson, statement } from "../../support/device-views.ts";

t.test("an agent that understands all of it, or is asked for nothing, is fit", async (t) => {
  const fit = { obstacle: undefined, notes: [] };
  t.same(featureFit(["traffic", "params"], INFO), fit);
  t.same(featureFit([], { ...INFO, features: [] }), fit);
  t.same(featureFit(["traffic"], { ...INFO, features: ["traffic", "telepathy"] }), fit, "a newer one tells more");
});

t.test("an agent that tells what it understands is refused what it would refuse itself", async (t) => {
  const { obstacle, notes } = featureFit(["traffic", "params"], { ...INFO, features: ["params"] });
  t.equal(
    obstacle,
    "its agent 0.1.0 is too old for: soaking as a split or a shadow. It would refuse them; update it first",
  );
  t.same(notes, []);
});

t.test("an agent that tells nothing is warned of", async (t) => {
  const { features: _, ...older } = INFO;
  const { obstacle, notes } = featureFit(["traffic"], older);
  t.equal(obstacle, undefined);
  t.match(notes, [/its agent 0\.1\.0 does not tell what it understands, and may be too old for: soaking as a split/]);
});

t.test("a plan says so for each device", async (t) => {
  const bundle: PlannedBundle = { statement: statement("b"), model: modelJson("2.0.0") };
  const { features: _, ...older } = INFO;
  const { devices } = planRollout({
    bundle,
    archiveBytes: 1_000,
    versions: [bundle],
    devices: [
      deviceView("able"),
      deviceView("unable", { info: { ...INFO, features: [] } }),
      deviceView("silent", { info: older }),
    ],
    allowInterfaceChange: false,
    mode: { kind: "shadow", share: 1 },
  });
  t.match(devices, [
    { action: "install", obstacles: [] },
    { action: "cannot", obstacles: [{ code: "agent-too-old", text: /split or a shadow/ }] },
    { action: "install", notes: [/does not tell what it understands/, /nothing serves there yet/] },
  ]);
});
