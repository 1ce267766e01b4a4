import t from "tap";
import { join } from "node:path";
import { buildFleetReport } from "../../../controller/reports/fleet-report.ts";
import { readReportRows } from "../../../controller/reports/read-report-rows.ts";
import { accountsOf, telemetrySummary } from "../../../controller/reports/telemetry-accounts.ts";
import { ensureDevice } from "../../../controller/fleet/inventory.ts";
import { readDevices } from "../../../controller/fleet/read-devices.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId, StreamId } from "../../../protocol/ids.ts";
import { FLEET, NOW_MS, reportOf } from "../../support/device-views.ts";
import { addTo } from "../../support/stored-telemetry.ts";

const cam = "cam-1" as DeviceId;
const stream = "0".repeat(32) as StreamId;

t.test("records are held against what the device's signed report says, and add up in the fleet's report", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  await ensureDevice(store, cam, NOW_MS);
  const report = reportOf(cam, { telemetry: { stream, produced: 10, pending: 6 } });
  await store
    .insertInto("reports")
    .values({ device: cam, counter: 1, received_ms: NOW_MS, report_json: JSON.stringify(report) })
    .execute();
  const minuteMs = 60_000;
  const records = [0, 1, 2, 3].map((seq) => ({
    device: cam,
    stream,
    seq,
    atMs: NOW_MS - (3 - seq) * minuteMs,
    receivedMs: NOW_MS,
    kind: "inference" as const,
    fields: { slot: "digits", version: "1.0.0", intervalMs: 10_000, "outcome.answered": 5 },
  }));
  await addTo(store, records);
  const accounts = await accountsOf(store, await readDevices(store));
  t.match(accounts, [{ device: cam, produced: 10, received: 4, outstanding: 6, missing: 0 }]);
  t.match(telemetrySummary(accounts), { streams: 1, produced: 10, received: 4, outstanding: 6 });

  const rows = await readReportRows(store, {
    fleet: FLEET,
    nowMs: NOW_MS,
    windowMs: 2 * minuteMs,
    rootExpiresMs: NOW_MS + 1e12,
  });
  t.match(
    buildFleetReport(rows),
    { inference: [{ requests: 15 }], telemetry: { received: 4 } },
    "only the window counts",
  );
});
