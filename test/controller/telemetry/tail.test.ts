import t from "tap";
import { tailTelemetry } from "../../../controller/telemetry/tail.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const records = Array.from({ length: 30 }, (_, seq) => ({
  device: seq % 3 === 0 ? "d2" : "d1",
  seq,
  kind: seq % 10 === 0 ? ("event" as const) : ("health" as const),
  receivedMs: 1_000 + Math.floor(seq / 7),
}));

t.test("a tail shows the last records, and then only what came after", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  const last = await tailTelemetry(store, {}, { limit: 3 });
  t.same(
    last.records.map(({ receivedMs, device, seq }) => ({ receivedMs, device, seq })),
    [
      { receivedMs: 1_003, device: "d2", seq: 27 },
      { receivedMs: 1_004, device: "d1", seq: 28 },
      { receivedMs: 1_004, device: "d1", seq: 29 },
    ].slice(-last.records.length),
  );
  t.same(await tailTelemetry(store, {}, { cursor: last.cursor }), { records: [], cursor: last.cursor });
  await addTo(store, [
    { seq: 30, receivedMs: 1_100 },
    { seq: 31, receivedMs: 1_100 },
  ]);
  const next = await tailTelemetry(store, {}, { cursor: last.cursor });
  t.same(
    next.records.map((record) => record.seq),
    [30, 31],
  );
});

t.test("pages of any size show every record once", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  const seen: string[] = [];
  let cursor = "0///0";
  for (let page = await tailTelemetry(store, {}, { cursor, limit: 4 }); page.records.length > 0;) {
    seen.push(...page.records.map(({ device, seq }) => `${device} ${seq}`));
    ({ cursor } = page);
    page = await tailTelemetry(store, {}, { cursor, limit: 4 });
  }
  t.equal(seen.length, 30);
  t.equal(new Set(seen).size, 30);
});

t.test("a tail can be of one device and one kind", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  const { records: some } = await tailTelemetry(store, { device: "d1" as DeviceId, kind: "event" });
  t.match(some, [{ device: "d1", seq: 10, kind: "event" }, { seq: 20 }]);
});

t.test("an empty fleet has an empty tail that can be followed", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const { cursor } = await tailTelemetry(store, {});
  await addTo(store, records.slice(0, 2));
  t.equal((await tailTelemetry(store, {}, { cursor })).records.length, 2);
});
