import t from "tap";
import { modelDocument, type ReportedModel } from "../../../controller/reports/model-document.ts";
import { NO_PAINT, renderText } from "../../../controller/reports/render-text.ts";
import type { ModelVersion } from "../../../protocol/ids.ts";
import { DIGITS, NOW_MS, statement } from "../../support/device-views.ts";
import { V1 } from "../../support/rollout-world.ts";

const wilson = { share: 0.9, low: 0.8, high: 0.95, of: 100 };
const reported: ReportedModel = {
  model: "digits",
  ...{ atMs: NOW_MS, windowMs: 3_600_000, devices: [], bundles: [V1], rollouts: [], trend: [], classes: [], drift: [] },
  models: [
    {
      model: DIGITS,
      versions: [
        { version: "1.0.0" as ModelVersion, statement: statement("a"), devices: 3 },
        { version: "0.9.0" as ModelVersion, statement: statement("f"), devices: 1 },
      ],
      missing: 0,
    },
  ],
  inference: [
    {
      ...{ slot: "digits", version: "1.0.0", devices: 3, requests: 1_000, failed: 0, errorRate: 0, crashes: 0 },
    },
  ],
  accuracy: [
    {
      ...{ model: "digits", version: "1.0.0", devices: 2, accuracy: wilson, untold: 0, confusions: [], values: null },
      macro: { precision: 0.9, recall: 0.9, f1: 0.9 },
      classes: [{ label: "eight", support: 40, precision: null, recall: wilson, f1: 0.9 }],
    },
  ],
};

t.test("a version that runs and is not in the catalogue is said to be so", async (t) => {
  const text = renderText(modelDocument(reported), NO_PAINT);
  t.match(text, /1\.0\.0 +3 +2026-11-21 12:00:00 +1 kB +its first examples/);
  t.match(text, /0\.9\.0 +1 +not in the catalogue/);
  t.match(text, /eight +40 +90\.0 % +80\.0 % to 95\.0 % +– +–/);
});

t.test("that nobody knows whether it is right is a note, with how to find out", async (t) => {
  const { findings } = modelDocument({ ...reported, models: [], accuracy: [] });
  t.match(findings, [{ severity: "note", next: /ferry feedback/ }]);
  t.same(modelDocument({ ...reported, models: [], accuracy: [], inference: [] }).findings, []);
});
