/** What classes of hardware do with their models, and which device does otherwise than its class. Pure. */
import { countCell, grouped, latencyCell, percentText, shareCell, textCell } from "./cells.ts";
import type { ReportBlock } from "./document.ts";
import { trendBlocks } from "./history-sections.ts";
import type { PresenceWindow } from "./presence-spans.ts";
import type { ClassInference } from "./read-class-inference.ts";
import { trendSeries } from "./read-latency-trend.ts";
import type { Finding } from "./report-shape.ts";

/** Fewer requests say nothing about a rate. */
const REQUESTS_MIN = 100;
/** More of a device's requests than this failing, and this many times what its class does, is the device's own fault. */
const ERROR_RATE_MAX = 0.01;
const TIMES_ITS_CLASS = 3;

/** Charts only where there are several classes: of one, the fleet's own show the same. */
export function classBlocks(classes: readonly ClassInference[], window: PresenceWindow): ReportBlock[] {
  if (classes.length === 0) return [];
  const several = new Set(classes.map(({ hardware }) => hardware)).size > 1;
  const trends = new Map(classes.map((one) => [`${one.slot}@${one.version} on ${one.hardware}`, one.trend]));
  return [...(several ? trendBlocks(trendSeries(trends), window, ", by hardware") : []), classTable(classes)];
}

function classTable(classes: readonly ClassInference[]): ReportBlock {
  return {
    kind: "table",
    title: "By hardware class",
    columns: [
      { title: "Hardware" },
      { title: "Model" },
      { title: "Devices", align: "right" },
      { title: "Requests", align: "right" },
      { title: "Errors", unit: "ratio", align: "right" },
      { title: "p50", unit: "ms", align: "right" },
      { title: "p95", unit: "ms", align: "right" },
      { title: "Crashes", align: "right" },
    ],
    rows: classes.map(({ hardware, slot, version, devices, measured, sum }) => [
      textCell(hardware),
      textCell(`${slot}@${version}`),
      measured.size === devices
        ? countCell(devices)
        : { text: `${grouped(measured.size)} read of ${grouped(devices)}`, value: measured.size },
      countCell(sum.requests),
      shareCell(
        sum.requests === 0 ? 0 : sum.failed / sum.requests,
        sum.requests >= REQUESTS_MIN && sum.failed / sum.requests > ERROR_RATE_MAX ? "warning" : undefined,
      ),
      latencyCell(sum.sketches.inferSketch.quantile(0.5)),
      latencyCell(sum.sketches.inferSketch.quantile(0.95)),
      countCell(sum.counts.crashes, sum.counts.crashes > 0 ? "warning" : undefined),
    ]),
    whenEmpty: "No requests in this time.",
  };
}

/** Devices whose requests fail while those of their class do not: the model is not to blame. */
export function failingDeviceFindings(classes: readonly ClassInference[]): Finding[] {
  return classes.flatMap(({ hardware, slot, version, measured, sum }) =>
    [...measured].flatMap(([device, own]): Finding[] => {
      const rate = own.failed / Math.max(1, own.requests);
      const others = { requests: sum.requests - own.requests, failed: sum.failed - own.failed };
      const otherRate = others.failed / Math.max(1, others.requests);
      if (own.requests < REQUESTS_MIN || rate <= ERROR_RATE_MAX) return [];
      if (others.requests < REQUESTS_MIN || rate < TIMES_ITS_CLASS * otherRate) return [];
      return [
        {
          severity: "warning",
          text: `${device} failed ${percentText(rate)} of its requests of ${slot}@${version}; the other devices of ${hardware} failed ${percentText(otherRate)}`,
          devices: [device],
          next: `The model does well elsewhere: look at this device (\`ferry report device ${device}\`) and at who asks it.`,
        },
      ];
    }),
  );
}
