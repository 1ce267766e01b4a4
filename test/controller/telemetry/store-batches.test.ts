import t from "tap";
import { openStore, type Store } from "../../../controller/store/store.ts";
import { storeBatches } from "../../../controller/telemetry/store-batches.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { RecordRange } from "../../../protocol/messages/telemetry-batch.ts";
import { STREAM } from "../../support/stored-telemetry.ts";

const device = "d1" as DeviceId;
const NOW_MS = 1_800_000_000_000;

function range(from: number, next: number, changes: Partial<RecordRange> = {}): RecordRange {
  const seqs = Array.from({ length: next - from }, (_, at) => from + at);
  const records = seqs.map((seq) => ({ seq, atMs: NOW_MS, kind: "health" as const, fields: { n: seq } }));
  return { stream: STREAM, acked: 0, from, next, backfill: false, records, ...changes };
}

const storeAll = (store: Store, ...ranges: RecordRange[]) =>
  store.transaction().execute((db) =>
    storeBatches(
      db,
      ranges.map((one) => ({ device, range: one })),
      NOW_MS,
    ),
  );

async function countsOf(store: Store) {
  return store.selectFrom("streams").select(["next", "received", "declared", "lost_here"]).executeTakeFirstOrThrow();
}

t.test("records that come again are told by the watermark, although their rows may be gone", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  t.match(await storeAll(store, range(0, 5)), { stored: 5, duplicates: 0 });
  await store.deleteFrom("telemetry").execute();
  t.match(await storeAll(store, range(0, 5), range(3, 8)), { stored: 3, duplicates: 7, watermarks: [{ next: 8 }] });
  t.same(await countsOf(store), { next: 8, received: 8, declared: 0, lost_here: 0 });
  t.same(
    (await store.selectFrom("telemetry").select("seq").execute()).map(({ seq }) => seq),
    [5, 6, 7],
  );
});

t.test("what this database had acknowledged and lost is declared, once", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  await storeAll(store, range(100, 103, { acked: 100 }), range(100, 103, { acked: 100 }));
  t.same(await countsOf(store), { next: 103, received: 3, declared: 100, lost_here: 1 });
  t.match(await store.selectFrom("telemetry").selectAll().where("kind", "=", "gap").execute(), [
    { seq: 0, fields_json: JSON.stringify({ cause: "controller-lost", count: 100, firstSeq: 0, lastSeq: 99 }) },
  ]);
});

t.test("a fleet that comes at once joins in the transaction that stores its records, each device once", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  const fleet = Array.from({ length: 50 }, (_, at) => `cam-${String(at)}` as DeviceId);
  const batches = [...fleet, ...fleet].map((device, at) => ({ device, range: at < 50 ? range(0, 2) : range(2, 3) }));
  const { stored } = await store.transaction().execute((db) => storeBatches(db, batches, NOW_MS));
  t.equal(stored, 150);
  t.equal((await store.selectFrom("devices").select("id").execute()).length, 50);
  t.equal((await store.selectFrom("events").where("kind", "=", "device-joined").select("id").execute()).length, 50);
});

t.test("records in any number are stored whole", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  t.match(await storeAll(store, range(0, 237)), { stored: 237, duplicates: 0 });
  const seqs = (await store.selectFrom("telemetry").select("seq").orderBy("seq").execute()).map(({ seq }) => seq);
  t.same(seqs, [...Array(237).keys()]);
});

t.test("two devices with one stream, as a copied image has it, are counted apart", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  const { watermarks } = await store.transaction().execute((db) =>
    storeBatches(
      db,
      [
        { device, range: range(0, 2) },
        { device: "d2" as DeviceId, range: range(0, 3, { backfill: true }) },
      ],
      NOW_MS,
    ),
  );
  t.match(watermarks, [
    { device, next: 2, backfill: false },
    { device: "d2", next: 3, backfill: true },
  ]);
});
