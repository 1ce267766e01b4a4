import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { parseRolloutFile, type Resource } from "../../../controller/rollout/parse-rollout-file.ts";
import { resourceText } from "../../../controller/rollout/resource-text.ts";
import type { RolloutRequest } from "../../../controller/rollout/rollout-spec.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";

const bundle = { model: "digits" as ModelName, version: "1.4.0" as ModelVersion };

const everything: RolloutRequest = {
  ...bundle,
  selector: "site in (oslo, bergen), !frozen, @cameras",
  follow: true,
  stages: [
    { name: "canary", take: { kind: "share", share: 0.001, min: 2 }, soakMs: 600_000, approval: "none" },
    { name: "ten", take: { kind: "count", count: 10 }, soakMs: 90_000, approval: "none" },
    { name: "lab", take: { kind: "selector", selector: "lab" }, soakMs: 0, approval: "required" },
    { name: "100%", take: { kind: "share", share: 1, min: 1 }, soakMs: 1_500, approval: "required" },
  ],
  gates: [
    { metric: "error_rate", max: 0.01 },
    { metric: "latency_p95_ms", maxRatio: 1.2, max: 30 },
    { metric: "agreement_top1", min: 0.98, minSamples: 200 },
  ],
  abort: { failedShareMax: 0.02, devicesMin: 5, then: "pause" },
  rate: { perMinute: 100, concurrent: null },
  window: { cron: "0 2 * * *", durationMs: 10_800_000, timezone: "Europe/Oslo" },
  deploymentMsMax: 1_800_000,
  gateMsMax: 7_200_000,
  retries: 3,
  quorum: 0.95,
  priority: -5,
  deviceSoakMs: 120_000,
  allowInterfaceChange: true,
};

const cases: readonly { readonly what: string; readonly request: RolloutRequest }[] = [
  { what: "with every field", request: everything },
  { what: "with none but the bundle", request: bundle },
  {
    what: "that soaks and wants no gates",
    request: {
      ...bundle,
      gates: [],
      stages: [{ name: "100%", take: { kind: "share", share: 1, min: 1 }, soakMs: 60_000, approval: "none" }],
    },
  },
  { what: "in a split", request: { ...bundle, mode: { kind: "split", share: 0.1 } } },
  { what: "as a shadow", request: { ...bundle, mode: { kind: "shadow", share: 1 } } },
  { what: "as a shadow of some requests", request: { ...bundle, mode: { kind: "shadow", share: 0.25 } } },
  { what: "to devices by id", request: { ...bundle, devices: ["cam-1", "cam-2"] as DeviceId[] } },
];

for (const { what, request } of cases) {
  t.test(`the text of a rollout ${what} is read as the same rollout`, async (t) => {
    const resource: Resource = {
      kind: "Rollout",
      name: "digits-1.4",
      spec: completeSpec({ ...request, name: "digits-1.4" }),
    };
    t.same(parseRolloutFile(resourceText(resource), "text", 0), [resource]);
  });
}

t.test("the text of a group is read as the same group", async (t) => {
  const group: Resource = { kind: "Group", name: "cameras", selector: "camera, site!=lab" };
  t.same(parseRolloutFile(resourceText(group), "text", 0), [group]);
});

t.test("the text of an alert rule and of a schedule is read as the same", async (t) => {
  const alert: Resource = {
    kind: "Alert",
    name: "oslo-hot",
    spec: {
      ...{ name: "oslo-hot", metric: "temperature_celsius", is: ">", threshold: 70, forMs: 90_000 },
      ...{ severity: "warning", enabled: false, match: { site: "oslo" }, next: "Open the vent." },
    },
  };
  const schedule: Resource = {
    kind: "Schedule",
    name: "monday",
    spec: {
      ...{ name: "monday", cron: "0 7 * * 1", timezone: "Europe/Oslo", report: "model", subject: "digits" },
      ...{ windowSeconds: 604_800, formats: ["html"], toFolder: true, receivers: ["mail"], keep: 30, keepDays: 400 },
    },
  };
  t.same(parseRolloutFile([alert, schedule].map(resourceText).join("---\n"), "text", 0), [alert, schedule]);
});
