/** Records as a device makes them, the same from run to run. */
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../protocol/sketch.ts";

/** Twelve fields, as a health record has them. */
export function healthFields(n: number): RecordFields {
  return {
    cpuPercent: (n * 7.31) % 100,
    memoryTotalBytes: 4_045_012_992,
    memoryAvailableBytes: 2_100_000_000 + ((n * 4_096) % 1_000_000_000),
    diskFreeBytes: 11_000_000_000 - n * 4_096,
    diskTotalBytes: 31_000_000_000,
    temperatureCelsius: 45 + ((n * 0.37) % 20),
    load1: (n * 0.01) % 4,
    load5: (n * 0.003) % 4,
    uptimeSeconds: n * 30,
    agentUptimeSeconds: n * 30,
    agentRssBytes: 81_000_000 + ((n * 4_096) % 5_000_000),
    loopDelayP99Ms: (n * 0.13) % 12,
  };
}

/** Requests of one model in ten seconds. */
const REQUESTS = 50;

/** Ten seconds of a model with five requests a second, around 8 ms each, some of which wait. */
export function inferenceFields(n: number): RecordFields {
  const infer = new Sketch();
  const queue = new Sketch();
  for (let request = 0; request < REQUESTS; request += 1) {
    const luck = ((n * 7_919 + request * 104_729) % 1_000) / 1_000;
    infer.add(8 * (0.85 + 0.3 * luck + (luck > 0.97 ? 1 : 0)));
    queue.add(0.2 + luck ** 8 * 5);
  }
  return {
    slot: "digits",
    version: "1.4.0",
    intervalMs: 10_000,
    queueSketch: queue.toText(),
    inferSketch: infer.toText(),
    "outcome.answered": REQUESTS,
  };
}
