import t from "tap";
import { recountStreams } from "../../../controller/telemetry/recount.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { STREAM, storeOf } from "../../support/stored-telemetry.ts";

t.test("a record that is there twice, or nowhere, shows in the stream that it is of", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0 },
    { seq: 1 },
    { device: "d2", seq: 0 },
  ]);
  t.match(await recountStreams(store), [
    { device: "d1", excess: 0 },
    { device: "d2", excess: 0 },
  ]);
  await store
    .deleteFrom("telemetry")
    .where("device", "=", "d2" as DeviceId)
    .execute();
  const twice = { device: "d1" as DeviceId, kind: "health" as const, span_ms: 60_000, at_ms: 0, stream: STREAM };
  await store
    .insertInto("telemetry_rollups")
    .values({ ...twice, subject: "", records: 2, fields_json: "{}" })
    .execute();
  t.match(await recountStreams(store), [
    { device: "d1", excess: 2 },
    { device: "d2", excess: -1 },
  ]);
  t.match(await recountStreams(store, "d2" as DeviceId), [{ device: "d2", excess: -1 }]);
});
