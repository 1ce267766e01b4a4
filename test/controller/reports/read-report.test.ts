import t from "tap";
import { systemClock } from "../../../common/clock.ts";
import { readReport } from "../../../controller/reports/read-report.ts";
import { openStore } from "../../../controller/store/store.ts";
import { recordEvent } from "../../../controller/fleet/events.ts";
import { addTotal } from "../../../controller/telemetry/fleet-inference.ts";
import { InferenceSum } from "../../../protocol/inference-sum.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { renderText, NO_PAINT } from "../../../controller/reports/render-text.ts";
import { FLEET, NOW_MS } from "../../support/device-views.ts";

const MINUTE_MS = 60_000;

function sum(failed: number, latencyMs: number): InferenceSum {
  const sketch = new Sketch();
  for (let n = 0; n < 100; n += 1) sketch.add(latencyMs);
  const total = new InferenceSum();
  total.add({
    slot: "digits",
    version: "1.0.0",
    intervalMs: MINUTE_MS,
    "outcome.answered": 100,
    "outcome.model-failed": failed,
    inferSketch: sketch.toText(),
  });
  return total;
}

t.test("a fleet report shows how latency and errors went over its window", async (t) => {
  await using opened = await openStore(`${t.testdir()}/controller.db`);
  const { store } = opened;
  await recordEvent(store, { kind: "device-online", device: "cam-1" as DeviceId, text: "cam-1 is online" }, NOW_MS - 1);
  await store.transaction().execute(async (trx) => {
    for (const [ago, total] of [
      [50, sum(0, 2)],
      [10, sum(25, 8)],
    ] as const) {
      const key = { slot: "digits", version: "1.0.0", spanMs: MINUTE_MS, atMs: NOW_MS - ago * MINUTE_MS };
      await addTotal(trx, key, total);
    }
  });
  const ports = {
    store,
    fleet: FLEET,
    rootExpiresMs: () => NOW_MS + 1e12,
    clock: { ...systemClock, nowMs: () => NOW_MS },
  };
  const text = renderText(await readReport(ports, { kind: "fleet", windowMs: 60 * MINUTE_MS }), NO_PAINT);
  t.match(text, /digits@1\.0\.0 from (1\.9|2\.0)\d ms to (7\.9|8\.0)\d ms/);
  t.match(text, /digits@1\.0\.0 at most 20\.0 %/);
});
