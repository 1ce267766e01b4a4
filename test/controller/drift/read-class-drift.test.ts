import t from "tap";
import { readClassDrift } from "../../../controller/drift/read-class-drift.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { INFO } from "../../support/device-views.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const uniform = seededRandom(8);

function record(shift: number) {
  const sketch = new ValueSketch();
  for (let n = 0; n < 300; n += 1) sketch.add(4 * uniform() - 2 + shift);
  const id = { slot: "digits", version: "1.0.0", feature: "x", role: "input", type: "number" };
  return { ...id, windowMs: 300_000, seen: 300, count: 300, missing: 0, valueSketch: sketch.toText() };
}

t.test("devices are held against those of their own hardware class only", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const fleet = [
    ...[0, 0, 0, 2].map((shift, at) => ({ id: `jetson-${at}`, hardware: "jetson", shift })),
    ...[5, 5, 5].map((shift, at) => ({ id: `pi-${at}`, hardware: "raspberry-pi-5", shift })),
  ];
  for (const { id, hardware } of fleet) {
    const info = { ...INFO, hardware: { ...INFO.hardware, classes: ["linux-arm64", hardware] } };
    const seen = { first_seen_ms: 0, last_heard_ms: 0, online: 1, online_since_ms: 0 } as const;
    await store
      .insertInto("devices")
      .values({ id: id as DeviceId, ...seen, info_json: JSON.stringify(info) })
      .execute();
  }
  const told = fleet.map(({ id, shift }) => ({
    device: id,
    seq: 0,
    kind: "distribution" as const,
    fields: record(shift),
  }));
  await addTo(store, told);
  const verdicts = await readClassDrift(store, { slot: "digits", nowMs: 600_000, windowMs: 600_000 });
  t.equal(verdicts.length, 7);
  t.same(
    verdicts.filter(({ differs }) => differs).map(({ device, hardware }) => [device, hardware]),
    [["jetson-3", "jetson"]],
  );
});
