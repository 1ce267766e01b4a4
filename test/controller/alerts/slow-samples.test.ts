import t from "tap";
import { openLog } from "../../../common/log.ts";
import { openSlowSamples } from "../../../controller/alerts/slow-samples.ts";
import { deviceView, NOW_MS, reportOf } from "../../support/device-views.ts";
import { openReportWorld } from "../../support/report-world.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { addTo, STREAM } from "../../support/stored-telemetry.ts";

const HOUR_MS = 3_600_000;
const DETECTORS = {
  features: [{ name: "pixels.mean", centre: 0, scale: 1 }],
  falseAlarms: 0.01,
  calibratedWith: 500,
  robustZ: { threshold: 4 },
};

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
    baselineOf: async (slot, version) => {
      baselines += 1;
      const baseline = await reports.ports.baselineOf(slot, version);
      return baseline === undefined ? undefined : { ...baseline, detectors: DETECTORS };
    },
    log: openLog("controller", "silent"),
  });
  const score = (seen: number, anomalous: number) => ({
    ...{ slot: "digits", version: "1.0.0", feature: "robust-z", role: "score", type: "number" },
    ...{ windowMs: 300_000, seen, count: seen, missing: 0, valueSketch: new ValueSketch().toText(), anomalous },
  });
  const scored = { kind: "distribution" as const, atMs: NOW_MS - HOUR_MS, receivedMs: NOW_MS - HOUR_MS };
  await addTo(store, [
    { ...scored, device: "cam-1", stream: STREAM, seq: 0, fields: score(400, 80) },
    { ...scored, device: "cam-2", stream: STREAM, seq: 0, fields: score(400, 2) },
  ]);
  const samples = await read([metered, deviceView("cam-1")], NOW_MS);
  const unlike = samples.filter(({ metric }) => metric === "unlike_class_features");
  t.match(
    unlike.map(({ value }) => value),
    [0, 0, 0, 0],
    "all four see the same",
  );
  const others = samples.filter((one) => !unlike.includes(one));
  t.match(others, [
    { metric: "drifting_features", labels: { model: "digits", version: "1.0.0" }, value: 1 },
    { metric: "anomalous_example_ratio", labels: { device: "cam-1", site: "oslo", model: "digits" }, value: 0.2 },
    { metric: "anomalous_example_ratio", labels: { device: "cam-2", model: "digits" }, value: 0 },
    { metric: "data_budget_used_ratio", labels: { device: "metered", site: "oslo" }, value: 1 },
  ]);
  const before = baselines;
  t.equal(await read([], NOW_MS + 299_000), samples, "what was read last");
  t.equal(baselines, before);
  const later = await read([metered], NOW_MS + 7 * HOUR_MS);
  t.notOk(
    later.some(({ metric }) => metric === "data_budget_used_ratio"),
    "what is old says nothing",
  );
  const broken = openSlowSamples({
    ...reports.ports,
    baselineOf: () => Promise.reject(new Error("the bundle is damaged")),
    log: openLog("controller", "silent"),
  });
  t.same(
    [...new Set((await broken([metered], NOW_MS)).map(({ metric }) => metric))],
    ["unlike_class_features", "data_budget_used_ratio"],
    "the other rules go on",
  );
});
