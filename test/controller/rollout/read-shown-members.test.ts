import t from "tap";
import { readShownMembers } from "../../../controller/rollout/read-shown-members.ts";
import { serving, statement } from "../../support/device-views.ts";
import { openRolloutWorld, V1, V2 } from "../../support/rollout-world.ts";

t.test("what needs a person comes first, as many as were asked for; the figures are over all", async (t) => {
  await using world = await openRolloutWorld(t);
  const devices = ["cam-1", "cam-2", "cam-3", "cam-4"];
  await world.join(...devices);
  await world.begin(V1, devices);
  for (const device of devices) await world.report(device, { seq: 2, slots: [serving("a", "1.0.0")] });

  const id = await world.begin(V2, devices);
  await world.report("cam-1", { seq: 3, slots: [serving("b", "2.0.0")] });
  const refusal = { code: "self-test", message: "case 3 is NaN" } as const;
  const failed = serving("a", "1.0.0", { desired: statement("b"), phase: "failed", refusal });
  await world.report("cam-4", { seq: 3, slots: [failed] });
  await world.presence("cam-3", false);

  const order = ["cam-4 failed", "cam-2 deploying", "cam-3 waiting", "cam-1 done"];
  for (const limit of [2, 10]) {
    const shown = await readShownMembers(world.store, id, limit);
    t.same(
      shown.rows.map(({ device, state }) => `${device} ${state}`),
      order.slice(0, limit),
    );
    t.equal(shown.offline, 1);
    t.same(shown.from, ["1.0.0"]);
  }
});
