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
  await store
    .insertInto("streams")
    .values({ device: cam, stream, next: 4, first_ms: NOW_MS, last_ms: NOW_MS })
    .execute();
  for (const seq of [0, 1, 2, 3]) {
    const fields_json = JSON.stringify({ slot: "digits", version: "1.0.0", intervalMs: 10_000, "outcome.answered": 5 });
    const record = {
      device: cam,
      stream,
      seq,
      at_ms: NOW_MS,
      received_ms: NOW_MS - seq,
      kind: "inference",
      backfill: 0,
      fields_json,
    } as const;
    await store.insertInto("telemetry").values(record).execute();
  }
  const accounts = await accountsOf(store, await readDevices(store));
  t.match(accounts, [{ device: cam, produced: 10, received: 4, outstanding: 6, missing: 0 }]);
  t.match(telemetrySummary(accounts), { streams: 1, produced: 10, received: 4, outstanding: 6 });

  const rows = await readReportRows(store, { fleet: FLEET, nowMs: NOW_MS, windowMs: 2, rootExpiresMs: NOW_MS + 1e12 });
  t.match(
    buildFleetReport(rows),
    { inference: [{ requests: 15 }], telemetry: { received: 4 } },
    "only the window counts",
  );
});
