import t from "tap";
import { openLog } from "../../../common/log.ts";
import { openSlowSamples } from "../../../controller/alerts/slow-samples.ts";
import { deviceView, NOW_MS, reportOf } from "../../support/device-views.ts";
import { openReportWorld } from "../../support/report-world.ts";
import { addTo, STREAM } from "../../support/stored-telemetry.ts";

const HOUR_MS = 3_600_000;

t.test("drift, and the health of devices that tell it seldom, are read every five minutes", async (t) => {
  await using reports = await openReportWorld(t);
  const { store } = reports.world;
  const fields = { dataUsedBytes: 5e7, dataBudgetBytes: 5e7 };
  const told = { device: "metered", stream: STREAM, kind: "health" as const };
  await addTo(store, [{ ...told, seq: 0, atMs: NOW_MS - 20 * HOUR_MS, receivedMs: NOW_MS - 20 * HOUR_MS, fields }]);
  const metered = deviceView("metered", { report: reportOf("metered", { heartbeatMs: HOUR_MS }) });
  let baselines = 0;
  const read = openSlowSamples({
    ...reports.ports,
    baselineOf: (slot, version) => {
      baselines += 1;
      return reports.ports.baselineOf(slot, version);
    },
    log: openLog("controller", "silent"),
  });
  const samples = await read([metered, deviceView("cam-1")], NOW_MS);
  t.match(samples, [
    { metric: "drifting_features", labels: { model: "digits", version: "1.0.0" }, value: 1 },
    { metric: "data_budget_used_ratio", labels: { device: "metered", site: "oslo" }, value: 1 },
  ]);
  t.equal(await read([], NOW_MS + 299_000), samples, "what was read last");
  t.equal(baselines, 1);
  t.match(await read([metered], NOW_MS + 7 * HOUR_MS), [{ metric: "drifting_features" }], "what is old says nothing");
  const broken = openSlowSamples({
    ...reports.ports,
    baselineOf: () => Promise.reject(new Error("the bundle is damaged")),
    log: openLog("controller", "silent"),
  });
  t.match(await broken([metered], NOW_MS), [{ metric: "data_budget_used_ratio" }], "the other rules go on");
});
