import t from "tap";
import { deviceDocument, type ReportedDevice } from "../../../controller/reports/device-document.ts";
import { NO_PAINT, renderText } from "../../../controller/reports/render-text.ts";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import { deviceView, NOW_MS, reportOf, serving } from "../../support/device-views.ts";

const reported: ReportedDevice = {
  atMs: NOW_MS,
  windowMs: 3_600_000,
  device: deviceView("cam-1", { report: reportOf("cam-1", { slots: [serving("a", "1.0.0")] }) }),
  ...{ presence: [], health: [], inference: [], trend: [], drift: [], anomalies: [], gaps: [], problems: [] },
  telemetry: {
    ...{ streams: 0, produced: 0, received: 0, declared: 0, outstanding: 0, missing: 0, lossUnknown: 0 },
  },
  ...{ certificates: [], rollouts: [], events: [] },
};

const told = (...fields: RecordFields[]): ReportedDevice => ({
  ...reported,
  health: fields.map((one, at) => ({ atMs: NOW_MS - 60_000 * (fields.length - at), fields: one })),
});

t.test("a device that is well needs nobody, and says what it serves", async (t) => {
  const document = deviceDocument(reported);
  t.match(document.verdict, { tone: "good", text: /^cam-1 is online and serves digits@1\.0\.0; 0 requests/ });
  t.match(renderText(document, NO_PAINT), "It told nothing of its health in this time");
});

const cases = [
  {
    health: { temperatureCelsius: 60, "temperatureCelsius.max": 86 },
    finds: /was at 86 °C/,
    why: "the greatest counts",
  },
  { health: { isThrottled: 0.3 }, finds: /held its clock back in 30\.0 %/, why: "of a sum it is a share of time" },
  { health: { isThrottled: false }, finds: undefined, why: "it does not" },
  { health: { isUndervolted: true }, finds: /too little voltage/, why: "the power supply is weak" },
  {
    health: { diskFreeBytes: 1e8, diskTotalBytes: 16e9 },
    finds: /disk of cam-1 has 0\.63 % left/,
    why: "it is nearly full",
  },
  { health: { diskWearPercent: 100 }, finds: /used 100 % of its life/, why: "the flash is worn" },
  { health: { dataUsedBytes: 5e7, dataBudgetBytes: 5e7 }, finds: /used its data budget/, why: "the month is paid for" },
  { health: { dataUsedBytes: 4e7, dataBudgetBytes: 5e7 }, finds: undefined, why: "some is left" },
] as const;

for (const { health, finds, why } of cases) {
  t.test(`${finds === undefined ? "no finding" : "a finding"} from ${JSON.stringify(health)}: ${why}`, async (t) => {
    const { findings } = deviceDocument(told(health));
    if (finds === undefined) t.same(findings, []);
    else t.match(findings, [{ severity: "warning", text: finds, devices: ["cam-1"], next: /\w/ }]);
  });
}

t.test("health is drawn over time, and what a device cannot tell is left out", async (t) => {
  const text = renderText(deviceDocument(told({ cpuPercent: 10 }, { cpuPercent: 30, uptimeSeconds: 7_200 })), NO_PAINT);
  t.match(text, /Load: processor at most 30 %\./);
  t.match(text, /Processor +30 %/);
  t.match(text, /Up for +2 h/);
  t.notMatch(text, "Temperature");
});
