import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { readAccuracy } from "../accuracy/read-accuracy.ts";
import { readAllDriftPictures, type DriftPorts } from "../drift/read-drift.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { listBundles } from "../store/catalogue.ts";
import { readFleetInference } from "../telemetry/fleet-inference.ts";
import type { ReportDocument } from "./document.ts";
import { DRIFT_WINDOW_MS_MIN } from "./fleet-history.ts";
import { rolloutSummary, spreadOf } from "./fleet-report.ts";
import { inferenceTotals } from "./inference-totals.ts";
import { modelDocument } from "./model-document.ts";
import { readClassInference } from "./read-class-inference.ts";
import { readLatencyTrend } from "./read-latency-trend.ts";
import { readReportedRollout } from "./read-report-rows.ts";
import type { ReportQuestion } from "./report-question.ts";

/** The newest: `ferry rollout list` has all. */
const ROLLOUTS_MAX = 10;

/** Throws `not-found` where nobody has heard of the model. */
export async function readModelReport(
  ports: DriftPorts,
  { model, windowMs }: Extract<ReportQuestion, { kind: "model" }>,
  nowMs: number,
): Promise<ReportDocument> {
  const { store } = ports;
  const window = { fromMs: nowMs - windowMs, toMs: nowMs };
  const devices = await readDevices(store);
  const bundles = (await listBundles(store))
    .filter((bundle) => bundle.model.name === model)
    .sort((a, b) => b.pushedMs - a.pushedMs);
  const models = spreadOf(devices).filter((one) => one.model === model);
  const inference = (await readFleetInference(store, { fromMs: window.fromMs, toMs: nowMs + 1 })).filter(
    ({ slot }) => slot === model,
  );
  if (bundles.length === 0 && models.length === 0 && inference.length === 0) {
    throw new FerryError("not-found", `There is no model ${model}`, {
      hint: "See what there is with: ferry bundle list",
      exitCode: EXIT.notFound,
    });
  }
  const rows = await store
    .selectFrom("rollouts")
    .selectAll()
    .where("name", "=", model)
    .orderBy("id", "desc")
    .limit(ROLLOUTS_MAX)
    .execute();
  const rollouts = await Promise.all(rows.map((row) => readReportedRollout(store, row)));
  const drift = { slot: model, nowMs, windowMs: Math.max(DRIFT_WINDOW_MS_MIN, windowMs) };
  return modelDocument({
    model,
    atMs: nowMs,
    windowMs,
    devices,
    bundles,
    models,
    rollouts: rollouts.map(rolloutSummary),
    inference: inferenceTotals(inference),
    trend: await readLatencyTrend(store, window, model),
    classes: await readClassInference(store, devices, window, model),
    drift: await readAllDriftPictures(ports, drift),
    accuracy: await readAccuracy(store, { model, isByDevice: false, ...window }),
  });
}
