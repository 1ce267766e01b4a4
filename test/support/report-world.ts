/** A fleet as rows, with something of everything that a report is to find: a bad device, a model that drifts, a gap. */
import type { Test } from "tap";
import { storeProblems } from "../../controller/telemetry/problems.ts";
import { readReport, type ReportPorts } from "../../controller/reports/read-report.ts";
import type { ReportDocument } from "../../controller/reports/document.ts";
import type { ReportQuestion } from "../../controller/reports/report-question.ts";
import { NO_PAINT, renderText } from "../../controller/reports/render-text.ts";
import { systemClock } from "../../common/clock.ts";
import type { Baseline } from "../../protocol/bundle/baseline.ts";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../protocol/sketch.ts";
import { ValueSketch } from "../../protocol/value-sketch.ts";
import { FLEET, NOW_MS, serving, statement } from "./device-views.ts";
import { openRolloutWorld, V1, V2, type RolloutWorld } from "./rollout-world.ts";
import { seededRandom } from "./seeded-random.ts";
import { addTo } from "./stored-telemetry.ts";

const MINUTE_MS = 60_000;
const DEVICES = ["cam-1", "cam-2", "cam-3", "cam-4"] as const;
const frame = { origin: 0, unit: 1 };

export interface ReportWorld extends AsyncDisposable {
  readonly world: RolloutWorld;
  readonly ports: ReportPorts;
  readonly read: (question: ReportQuestion) => Promise<ReportDocument>;
  readonly text: (question: ReportQuestion) => Promise<string>;
}

/**
 * Four devices: cam-4 refuses 2.0.0 and fails every fourth request, cam-3 has lost 40 records, cam-2's clock is ahead, and
 * `pixels.mean` of 1.0.0 is brighter than its baseline on all of them.
 */
export async function openReportWorld(t: Test): Promise<ReportWorld> {
  const world = await openRolloutWorld(t);
  const { store } = world;
  await world.join(...DEVICES);
  await world.begin(V1, DEVICES);
  for (const device of DEVICES) await world.report(device, { seq: 2, slots: [serving("a", "1.0.0")] });
  await world.begin(V2, DEVICES);
  await world.report("cam-1", { seq: 3, slots: [serving("b", "2.0.0")] });
  const refusal = { code: "self-test", message: "case 3 is NaN" } as const;
  const slot = serving("a", "1.0.0", { desired: statement("b"), phase: "failed", refusal });
  await world.report("cam-4", { seq: 3, slots: [slot] });

  const uniform = seededRandom(7);
  for (const [at, device] of DEVICES.entries()) {
    const stream = String(at + 1).repeat(32) as StreamId;
    let seq = 0;
    const record = (kind: RecordKind, agoMs: number, fields: RecordFields) => ({
      ...{ device, stream, kind, fields, seq: seq++ },
      ...{ atMs: NOW_MS - agoMs, receivedMs: NOW_MS - agoMs },
    });
    await addTo(store, [
      ...[50, 40, 30, 20, 10].flatMap((minutes) => [
        record("inference", minutes * MINUTE_MS, inference(device === "cam-4" ? 20 : 0, 60 - minutes)),
        record("health", minutes * MINUTE_MS, health(device, minutes)),
        record("distribution", minutes * MINUTE_MS, brightness(uniform, 2)),
      ]),
      ...(device === "cam-3"
        ? [record("gap", MINUTE_MS, { from: 100, to: 139, count: 40, cause: "capacity", firstMs: 0, lastMs: 1 })]
        : []),
    ]);
  }
  const note = { device: "cam-2" as DeviceId, problem: "clock-ahead" as const, count: 3, example: "2031" };
  await store.transaction().execute((trx) => storeProblems(trx, [note], NOW_MS - MINUTE_MS));

  const baseline: Baseline = { formatVersion: 1, samples: 1_000, features: [featureOf(uniform)] };
  const ports: ReportPorts = {
    store,
    fleet: FLEET,
    baselineOf: () => Promise.resolve(baseline),
    rootExpiresMs: () => NOW_MS + 1e12,
    experiments: { results: () => Promise.reject(new Error("there is no experiment")) },
    clock: { ...systemClock, nowMs: () => NOW_MS },
  };
  const read = (question: ReportQuestion) => readReport(ports, question);
  return {
    world,
    ports,
    read,
    text: async (question) => renderText(await read(question), NO_PAINT),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function inference(failed: number, latencyMs: number): RecordFields {
  const sketch = new Sketch();
  for (let n = 0; n < 80; n += 1) sketch.add(latencyMs / 10);
  const outcomes = { "outcome.answered": 80, ...(failed === 0 ? {} : { "outcome.model-failed": failed }) };
  const judged = { feedbackJudged: 20, feedbackRight: 19 };
  return { slot: "digits", version: "1.0.0", intervalMs: 10_000, ...outcomes, ...judged, inferSketch: sketch.toText() };
}

function health(device: string, minutes: number): RecordFields {
  return {
    cpuPercent: minutes,
    temperatureCelsius: device === "cam-4" ? 88 : 55,
    isThrottled: device === "cam-4",
    diskFreeBytes: 1e9,
    diskTotalBytes: 16e9,
    memoryTotalBytes: 4e9,
    memoryAvailableBytes: 3e9,
  };
}

function sketchOf(uniform: () => number, count: number, shift: number): string {
  const sketch = new ValueSketch(frame);
  for (let n = 0; n < count; n += 1) sketch.add(uniform() * 4 - 2 + shift);
  return sketch.toText();
}

function brightness(uniform: () => number, shift: number): RecordFields {
  const id = { slot: "digits", version: "1.0.0", feature: "pixels.mean", role: "input", type: "number" };
  return { ...id, windowMs: 300_000, seen: 60, count: 60, missing: 0, valueSketch: sketchOf(uniform, 60, shift) };
}

function featureOf(uniform: () => number): Baseline["features"][number] {
  return {
    ...{ name: "pixels.mean", role: "input", type: "number" },
    ...{ count: 1_000, missing: 0, valueSketch: sketchOf(uniform, 1_000, 0) },
  };
}
