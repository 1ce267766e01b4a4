import t from "tap";
import {
  readInference,
  type InferenceBucket,
  type InferenceQuery,
} from "../../../controller/telemetry/read-inference.ts";
import type { Store } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { STREAM, storeOf, type Stored } from "../../support/stored-telemetry.ts";

const HOUR_MS = 3_600_000;
const START_MS = 400_000 * HOUR_MS;

let seq = 0;
const record = (device: string, atMs: number, version: string, answered: number): Stored => ({
  device,
  seq: (seq += 1),
  atMs: START_MS + atMs,
  receivedMs: START_MS + 2 * HOUR_MS,
  kind: "inference",
  fields: { slot: "digits", version, intervalMs: 10_000, "outcome.answered": answered },
});

async function read(store: Store, query: Partial<InferenceQuery> = {}): Promise<InferenceBucket[]> {
  const buckets: InferenceBucket[] = [];
  const whole = { fromMs: START_MS, toMs: START_MS + 24 * HOUR_MS, ...query };
  for await (const bucket of readInference(store, whole)) buckets.push(bucket);
  return buckets;
}

const seen = (buckets: readonly InferenceBucket[]) =>
  buckets.map(({ device, version, atMs, spanMs, sum }) => [
    device,
    version,
    (atMs - START_MS) / 60_000,
    spanMs / 60_000,
    sum.requests,
  ]);

t.test("records and what they were rolled up to are read alike, by device, version and minute", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    record("d1", 70 * 60_000, "1.0.0", 1),
    record("d1", 70 * 60_000 + 20_000, "1.0.0", 2),
    record("d1", 71 * 60_000, "1.0.0", 4),
    record("d1", 71 * 60_000, "2.0.0", 8),
    record("d2", 70 * 60_000, "1.0.0", 16),
    { device: "d2", seq: (seq += 1), kind: "inference", atMs: START_MS, receivedMs: START_MS, fields: { nonsense: 1 } },
    { device: "d2", seq: (seq += 1), kind: "health", atMs: START_MS, receivedMs: START_MS, fields: { cpuPercent: 1 } },
  ]);
  const rolled = { slot: "digits", version: "1.0.0", intervalMs: HOUR_MS, records: 360, "outcome.answered": 1_000 };
  await store
    .insertInto("telemetry_rollups")
    .values({
      device: "d1" as DeviceId,
      kind: "inference",
      span_ms: HOUR_MS,
      at_ms: START_MS,
      stream: STREAM,
      subject: "digits@1.0.0",
      records: 360,
      fields_json: JSON.stringify(rolled),
    })
    .execute();
  t.same(seen(await read(store)), [
    ["d1", "1.0.0", 0, 60, 1_000],
    ["d1", "1.0.0", 70, 1, 3],
    ["d1", "1.0.0", 71, 1, 4],
    ["d1", "2.0.0", 71, 1, 8],
    ["d2", "1.0.0", 70, 1, 16],
  ]);
  t.same(seen(await read(store, { version: "1.0.0", devices: ["d1" as DeviceId], bucketMs: HOUR_MS })), [
    ["d1", "1.0.0", 0, 60, 1_000],
    ["d1", "1.0.0", 60, 60, 7],
  ]);
  t.same(seen(await read(store, { fromMs: START_MS + 71 * 60_000 })), [
    ["d1", "1.0.0", 71, 1, 4],
    ["d1", "2.0.0", 71, 1, 8],
  ]);
  t.same(await read(store, { slot: "other" }), []);
});

t.test("devices that share a query come one by one, each whole, and those of the next query after them", async (t) => {
  const devices = Array.from({ length: 60 }, (_, at) => `cam-${String(at).padStart(2, "0")}`);
  const records = devices.flatMap((device) => [record(device, 60_000, "1.0.0", 1), record(device, 0, "1.0.0", 2)]);
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  const found = await read(store, { toMs: START_MS + HOUR_MS });
  t.same(
    seen(found),
    devices.flatMap((device) => [
      [device, "1.0.0", 0, 1, 2],
      [device, "1.0.0", 1, 1, 1],
    ]),
  );
});
