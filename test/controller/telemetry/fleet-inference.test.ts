import t from "tap";
import { readFleetInference } from "../../../controller/telemetry/fleet-inference.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const MINUTE_MS = 60_000;
const START_MS = 30_000_000 * MINUTE_MS;
const record = (device: string, seq: number, atMs: number, version?: string) => ({
  device,
  seq,
  atMs: START_MS + atMs,
  receivedMs: START_MS + 60 * MINUTE_MS,
  kind: "inference" as const,
  fields: { slot: "digits", ...(version === undefined ? {} : { version }), intervalMs: 10_000, "outcome.answered": 10 },
});

t.test("what all devices did is known without reading their records, each record once", async (t) => {
  const records = [
    record("d1", 0, 0, "1.0.0"),
    record("d1", 1, 30 * MINUTE_MS, "1.0.0"),
    record("d2", 0, 31 * MINUTE_MS, "1.0.0"),
    record("d2", 1, 32 * MINUTE_MS, "2.0.0"),
    record("d2", 2, 32 * MINUTE_MS),
    { ...record("d3", 0, 0), fields: { nonsense: true } },
  ];
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  await addTo(store, records);
  const read = async (fromMs: number, toMs: number) =>
    (await readFleetInference(store, { fromMs: START_MS + fromMs, toMs: START_MS + toMs })).map(
      ({ version, devices, sum }) => ({ version, devices, requests: sum.requests }),
    );
  t.same(await read(0, 60 * MINUTE_MS), [
    { version: "1.0.0", devices: 2, requests: 30 },
    { version: undefined, devices: 1, requests: 10 },
    { version: "2.0.0", devices: 1, requests: 10 },
  ]);
  t.same(await read(30 * MINUTE_MS, 32 * MINUTE_MS), [{ version: "1.0.0", devices: 2, requests: 20 }]);
});
