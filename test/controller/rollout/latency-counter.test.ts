import t from "tap";
import { LatencyCounter, latencyReading } from "../../../controller/rollout/latency-counter.ts";
import type { MeasuredRecord } from "../../../controller/rollout/measured-record.ts";
import { Sketch } from "../../../protocol/sketch.ts";

/** Ten seconds in which requests took these times. */
function interval(...ms: readonly number[]): MeasuredRecord {
  const sketch = new Sketch();
  for (const one of ms) sketch.add(one);
  const fields = { slot: "digits", version: "1", intervalMs: 10_000, inferSketch: sketch.toText() };
  return { kind: "inference", fields };
}

/** 1 ms to 100 ms, in fives. */
const spread = (times: number) =>
  Array.from({ length: 20 }, (_, at) => interval(...[1, 2, 3, 4, 5].map((n) => times * (5 * at + n))));

function readingAfter(former: readonly MeasuredRecord[], candidate: readonly MeasuredRecord[], quantile = 0.95) {
  const counter = new LatencyCounter({ metric: "latency", max: 50, maxRatio: 1.2 }, quantile, former);
  for (const record of candidate) counter.add(record);
  return latencyReading(quantile, [counter], true);
}

const total = (blocks: readonly { readonly total: number }[] = []) =>
  blocks.reduce((sum, block) => sum + block.total, 0);

t.test("requests are held against the limit, and against the device's own former time", async (t) => {
  const reading = readingAfter(spread(1), spread(2));
  if (reading.kind !== "latency") throw new Error(reading.kind);
  t.ok(Math.abs(Number(reading.ratio) - 2) < 0.05, `${reading.ratio}`);
  t.ok(Math.abs(Number(reading.ms) - 190) < 5, `${reading.ms}`);
  t.ok(Math.abs(total(reading.beyondMax[0]) - 75) <= 2, "beyond 50 ms of 2 to 200 ms");
  t.ok(Math.abs(total(reading.beyondRatio?.candidate[0]) - 43) <= 2, "beyond 1.2 times 95 ms");
  t.ok(
    Math.abs(total(reading.beyondRatio?.former[0]) - 5) <= 2,
    "of the version before, one in twenty was beyond its p95",
  );
});

t.test("a device of which too little was seen before is not compared", async (t) => {
  t.match(readingAfter(spread(1).slice(1), spread(3)), { ratio: null, beyondRatio: { candidate: [[]], former: [[]] } });
  t.match(readingAfter(spread(1), spread(3), 0.99), { ratio: null }, "a p99 needs more than a p95");
  t.match(readingAfter(spread(1), []), { ms: null, ratio: null });
});

t.test("devices count by their requests, each against itself", async (t) => {
  const counters = [1, 10].map((speed) => {
    const counter = new LatencyCounter({ metric: "latency", maxRatio: 1.2 }, 0.95, spread(speed));
    for (const record of spread(speed)) counter.add(record);
    return counter;
  });
  const reading = latencyReading(0.95, counters, true);
  if (reading.kind !== "latency") throw new Error(reading.kind);
  t.ok(Math.abs(Number(reading.ratio) - 1) < 0.01, "a slow device is no slow version");
  t.equal(total(reading.beyondRatio?.candidate.flat()), 0);
});
