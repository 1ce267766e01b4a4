import t from "tap";
import { latestHealth } from "../../../controller/telemetry/latest-health.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { storeOf } from "../../support/stored-telemetry.ts";

t.test("the latest health of a device is the one with its highest number", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0, fields: { cpuPercent: 1 } },
    { seq: 1, fields: { cpuPercent: 2 } },
    { seq: 2, kind: "event", fields: { event: "swapped" } },
  ]);
  t.match(await latestHealth(store, "d1" as DeviceId), { seq: 1, fields: { cpuPercent: 2 } });
  t.equal(await latestHealth(store, "d2" as DeviceId), undefined);
});
