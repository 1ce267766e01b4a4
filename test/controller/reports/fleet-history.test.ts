import t from "tap";
import { readFleetHistory } from "../../../controller/reports/fleet-history.ts";
import { recordEvent } from "../../../controller/fleet/events.ts";
import { openStore } from "../../../controller/store/store.ts";
import { deviceView, NOW_MS } from "../../support/device-views.ts";

t.test("a device that went within the window was there before", async (t) => {
  await using opened = await openStore(`${t.testdir()}/controller.db`);
  const device = deviceView("cam-1", { online: false, onlineSinceMs: NOW_MS - 600, firstSeenMs: NOW_MS - 10_000 });
  await recordEvent(opened.store, { kind: "device-offline", device: device.id, text: "gone" }, NOW_MS - 600);
  const ports = { store: opened.store, baselineOf: () => Promise.resolve(undefined) };
  const window = { fromMs: NOW_MS - 1_000, toMs: NOW_MS };
  const { presence, trend, gaps, certificates } = await readFleetHistory(ports, [device], window);
  t.match(presence, [{ device: "cam-1", onlineMs: 400, knownMs: 1_000, losses: 1 }]);
  t.same([trend, gaps, certificates], [[], [], []]);
});
