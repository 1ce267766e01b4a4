import t, { type Test } from "tap";
import { join } from "node:path";
import type { GateRequest } from "../../../controller/rollout/gate-request.ts";
import { GATE_DEVICES_MAX, openGateReader } from "../../../controller/rollout/read-gate-metrics.ts";
import type { Gate } from "../../../controller/rollout/rollout-spec.ts";
import type { DeviceId, ModelName, ModelVersion, StreamId } from "../../../protocol/ids.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { addTo, storeOf, type Stored } from "../../support/stored-telemetry.ts";

const V1 = "1.0.0" as ModelVersion;
const V2 = "2.0.0" as ModelVersion;
const cam = "cam-1" as DeviceId;
/** The deployment was changed; records before it are of the version before. */
const SINCE_MS = 1_000_000;

const request = (gates: readonly Gate[], changes: Partial<GateRequest> = {}): GateRequest => ({
  rollout: 1,
  stage: 0,
  slot: "digits" as ModelName,
  version: V2,
  gates,
  devices: [{ device: cam, sinceMs: SINCE_MS, replaces: V1 }],
  isSoakOver: true,
  isBeside: false,
  ...changes,
});

/** Ten seconds of a version: 40 requests of about `ms`. */
function interval(version: ModelVersion, ms: number, more: RecordFields = {}): RecordFields {
  const sketch = new Sketch();
  for (let n = 0; n < 40; n += 1) sketch.add(ms * (0.9 + n / 200));
  return { slot: "digits", version, intervalMs: 10_000, inferSketch: sketch.toText(), "outcome.answered": 40, ...more };
}

/** A device's records from `from` on, ten seconds apart. */
function records(from: number, fields: readonly RecordFields[], more: Partial<Stored> = {}): Stored[] {
  return fields.map((one, at) => ({
    device: cam,
    seq: from + at,
    kind: "inference",
    receivedMs: SINCE_MS + (from - 100 + at) * 10_000,
    fields: one,
    ...more,
  }));
}

/** A thousand seconds of 1.0.0, then as many records as wanted of 2.0.0: numbers 100 and on. */
const swap = (count: number, ms: number, more: RecordFields = {}) => [
  ...records(
    0,
    Array.from({ length: 100 }, () => interval(V1, 10)),
  ),
  ...records(
    100,
    Array.from({ length: count }, () => interval(V2, ms, more)),
  ),
];

function storeFor(t: Test, stored: readonly Stored[]) {
  return storeOf(join(t.testdir(), "controller.db"), stored);
}

const p95: Gate = { metric: "latency_p95_ms", maxRatio: 1.5 };
const later = (seconds: number) => SINCE_MS + seconds * 1_000;

t.test("a version that is as fast as the one before passes", async (t) => {
  await using store = await storeFor(t, swap(30, 10.2));
  t.match(await openGateReader(store)(request([p95]), later(300)), [
    {
      verdict: "pass",
      samples: 1_200,
      text: /^latency_p95_ms 11\.1 ms \(was 10\.9 ms\), limit 16\.4 ms, 1,200 requests$/,
    },
  ]);
});

t.test("one that is three times as slow fails, on the same device", async (t) => {
  await using store = await storeFor(t, swap(30, 30));
  t.match(await openGateReader(store)(request([p95]), later(300)), [{ verdict: "fail" }]);
});

/** Ten seconds each of both versions, one after the other; the former one took 10 ms before that, and `formerMs` meanwhile. */
const beside = (count: number, formerMs: number, ms: number, more: RecordFields = {}) => [
  ...records(
    0,
    Array.from({ length: 100 }, () => interval(V1, 10)),
  ),
  ...records(
    100,
    Array.from({ length: 2 * count }, (_, at) =>
      at % 2 === 0 ? interval(V2, ms, more) : interval(V1, formerMs, more),
    ),
  ),
];

t.test("a version that soaks beside the former one is held against what that one does at the same time", async (t) => {
  const besides = { isBeside: true };
  await using busy = await storeFor(t, beside(40, 30, 31, { "outcome.model-failed": 2 }));
  const gates: Gate[] = [p95, { metric: "error_rate_increase", max: 0.01 }];
  t.match(await openGateReader(busy)(request(gates, besides), later(900)), [
    { verdict: "pass", text: /was 3\d/ },
    { verdict: "pass" },
  ]);
});

t.test("one that is slower than the former one beside it fails", async (t) => {
  await using slow = await storeFor(t, beside(40, 10, 30));
  t.match(await openGateReader(slow)(request([p95], { isBeside: true }), later(900)), [{ verdict: "fail" }]);
});

t.test("of a shadow the copies are what requests are of others", async (t) => {
  const copies = { "outcome.answered": 0, copiesAnswered: 36, copiesFailed: 4 };
  await using store = await storeFor(t, swap(30, 10, copies));
  const gates: Gate[] = [{ metric: "error_rate", max: 0.01 }];
  t.match(await openGateReader(store)(request(gates), later(300)), [{ verdict: "fail", value: 0.1, samples: 1_200 }]);
});

t.test("accuracy is told from the truth that came, and waits for enough of it", async (t) => {
  const gates: Gate[] = [{ metric: "accuracy", min: 0.9 }];
  await using few = await storeFor(t, swap(30, 10, { feedbackJudged: 3, feedbackRight: 3 }));
  t.match(await openGateReader(few)(request(gates), later(300)), [
    { verdict: "inconclusive", samples: 90, text: /90 of 100 predictions with their truth/ },
  ]);
  await using wrong = await storeFor(t, swap(30, 10, { feedbackJudged: 20, feedbackRight: 12 }));
  t.match(await openGateReader(wrong)(request(gates), later(300)), [{ verdict: "fail", value: 0.6, samples: 600 }]);
  await using right = await storeFor(t, swap(30, 10, { feedbackJudged: 20, feedbackRight: 19 }));
  t.match(await openGateReader(right)(request(gates), later(300)), [{ verdict: "pass", value: 0.95 }]);
});

t.test("each record counts once, however often one looks", async (t) => {
  await using store = await storeFor(t, swap(10, 10));
  const read = openGateReader(store);
  const gates: Gate[] = [{ metric: "error_rate", max: 0.01 }];
  t.match(await read(request(gates), later(100)), [{ samples: 400 }]);
  t.match(await read(request(gates), later(105)), [{ samples: 400 }]);
  await addTo(store, records(110, [interval(V2, 10), interval(V2, 10)]));
  t.match(await read(request(gates), later(120)), [{ samples: 480 }]);
});

t.test("a reader that starts in the middle of a stage comes to the same counts", async (t) => {
  const failing = { "outcome.model-failed": 1 };
  await using store = await storeFor(t, swap(30, 10, failing));
  const gates: Gate[] = [p95, { metric: "error_rate", max: 0.5 }, { metric: "crashes", max: 1 }];
  const early = openGateReader(store);
  await early(request(gates), later(300));
  await addTo(store, records(130, [interval(V2, 20, failing), interval(V2, 11)]));
  t.same(await openGateReader(store)(request(gates), later(600)), await early(request(gates), later(600)));
});

t.test("mistakes of callers are no errors; overload is one only beside the version before", async (t) => {
  const outcomes = { "outcome.bad-request": 40, "outcome.unknown-version": 40, "outcome.queue-full": 10 };
  await using store = await storeFor(t, swap(30, 10, outcomes));
  const gates: Gate[] = [
    { metric: "error_rate", max: 0.01 },
    { metric: "error_rate_increase", max: 0.01 },
  ];
  t.match(await openGateReader(store)(request(gates), later(300)), [
    { verdict: "pass", value: 0, samples: 1_200 },
    { verdict: "fail", value: 0.2, samples: 1_500 },
  ]);
});

t.test("answers that differ from the former version's, crashes and any field are counted", async (t) => {
  const measured = { agreementCompared: 30, agreementSame: 15, crashes: 1, custom: 7 };
  await using store = await storeFor(t, swap(30, 10, measured));
  const gates: Gate[] = [
    { metric: "agreement_top1", min: 0.98 },
    { metric: "crashes", max: 2 },
    { metric: "telemetry:inference.custom", max: 10 },
  ];
  t.match(await openGateReader(store)(request(gates), later(300)), [
    { verdict: "fail", value: 0.5, samples: 900 },
    { verdict: "fail", value: 360, samples: 300 },
    { verdict: "pass", value: 7, samples: 30 },
  ]);
});

t.test("health counts from when the device turned its traffic over, requests or not", async (t) => {
  const degrees = (temperatureCelsius: number) => ({ temperatureCelsius });
  await using store = await storeFor(t, [
    ...records(
      90,
      Array.from({ length: 20 }, () => degrees(40)),
      { kind: "health" },
    ),
    ...records(110, [{ event: "swapped", slot: "digits", version: V2 }], { kind: "event" }),
    ...records(
      111,
      Array.from({ length: 25 }, (_, at) => degrees(69 + (at % 3))),
      { kind: "health" },
    ),
  ]);
  const gates: Gate[] = [{ metric: "telemetry:health.temperatureCelsius", maxRatio: 1.2 }];
  t.match(await openGateReader(store)(request(gates), later(400)), [
    { verdict: "fail", samples: 25, text: /70 \(was 40\) is surely above the limit 48/ },
  ]);
});

t.test("other slots, other versions and an earlier stay of the version are left out", async (t) => {
  await using store = await storeFor(t, [
    ...records(60, [interval(V2, 90), interval(V2, 90)]),
    ...records(62, [interval(V1, 10)]),
    ...records(100, [{ ...interval(V2, 90), slot: "words" }, interval("3.0.0" as ModelVersion, 90), interval(V2, 10)]),
  ]);
  t.match(await openGateReader(store)(request([{ metric: "error_rate", max: 1 }]), later(100)), [{ samples: 40 }]);
});

t.test("a backlog of an earlier stay that comes late is not taken for this one", async (t) => {
  await using store = await storeFor(t, [
    ...records(100, [interval(V2, 90), interval(V2, 90)], { backfill: true }),
    ...records(102, [interval(V1, 10), interval(V1, 10)]),
    ...records(104, [interval(V2, 10)]),
  ]);
  t.match(await openGateReader(store)(request([{ metric: "error_rate", max: 1 }]), later(100)), [{ samples: 40 }]);
});

t.test("a device that lost its database goes on in its new stream", async (t) => {
  await using store = await storeFor(t, [
    ...swap(2, 10),
    ...records(0, [interval(V2, 10)], { stream: "b".repeat(32) as StreamId, receivedMs: later(60) }),
  ]);
  t.match(await openGateReader(store)(request([{ metric: "error_rate", max: 1 }]), later(100)), [{ samples: 120 }]);
});

t.test("records that cannot be read are left out", async (t) => {
  const broken = { ...interval(V2, 10), inferSketch: "no sketch!", "outcome.answered": "many" };
  await using store = await storeFor(t, [...swap(5, 10), ...records(105, [broken, { slot: 7 }])]);
  t.match(await openGateReader(store)(request([p95]), later(100)), [{ samples: 200 }]);
});

t.test("a stage of many devices is judged by fifty of them, and always the same", async (t) => {
  const ids = Array.from({ length: GATE_DEVICES_MAX + 10 }, (_, at) => `d${at}` as DeviceId);
  await using store = await storeFor(
    t,
    ids.flatMap((device) => records(100, [interval(V2, 10)], { device })),
  );
  const read = openGateReader(store);
  const devices = ids.map((device) => ({ device, sinceMs: SINCE_MS, replaces: null }));
  const gates: Gate[] = [{ metric: "error_rate", max: 1 }];
  const few = devices.slice(0, 20);
  t.match(await read(request(gates, { devices: few }), later(10)), [{ samples: 40 * 20 }]);
  t.match(await read(request(gates, { devices }), later(20)), [{ samples: 40 * GATE_DEVICES_MAX }]);
  await addTo(
    store,
    few.flatMap(({ device }) => records(101, [interval(V2, 10)], { device })),
  );
  const samples = 40 * (GATE_DEVICES_MAX + few.length);
  t.match(await read(request(gates, { devices }), later(30)), [{ samples }], "those watched first are watched still");
});

t.test("a device that leaves the stage no longer counts", async (t) => {
  await using store = await storeFor(t, swap(10, 10));
  const read = openGateReader(store);
  const gates: Gate[] = [{ metric: "error_rate", max: 1 }];
  t.match(await read(request(gates), later(10)), [{ samples: 400 }]);
  t.match(await read(request(gates, { devices: [] }), later(20)), [{ samples: 0, verdict: "inconclusive" }]);
});

t.test("where no version was replaced, a comparison has nothing to say and stands in nobody's way", async (t) => {
  await using store = await storeFor(t, swap(10, 10));
  const devices = [{ device: cam, sinceMs: SINCE_MS, replaces: null }];
  t.match(await openGateReader(store)(request([p95], { devices }), later(100)), [
    { verdict: "pass", text: /replaced no version/ },
  ]);
});
