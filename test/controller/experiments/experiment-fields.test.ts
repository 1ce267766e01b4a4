import t from "tap";
import { completeExperiment, type ExperimentRequest } from "../../../controller/experiments/experiment-spec.ts";
import { parseRolloutFile, type Resource } from "../../../controller/rollout/parse-rollout-file.ts";
import { resourceText } from "../../../controller/rollout/resource-text.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";

const bundle = { model: "digits" as ModelName, version: "1.1.0" as ModelVersion };
const cases: readonly { readonly what: string; readonly request: ExperimentRequest }[] = [
  { what: "with none but the bundle", request: bundle },
  {
    what: "with every field",
    request: {
      ...bundle,
      ...{ against: "1.0.0" as ModelVersion, selector: "site=oslo", share: 0.125, durationMs: 5_400_000, alpha: 0.01 },
      metrics: [
        { metric: "confidence" },
        { metric: "accuracy", effect: { kind: "absolute", value: 0.015 } },
        { metric: "latency_p95_ms", effect: { kind: "absolute", value: 0.5 } },
        { metric: "latency_p50_ms", effect: { kind: "relative", value: 0.1 } },
      ],
    },
  },
  { what: "on devices by id", request: { ...bundle, devices: ["cam-1", "cam-2"] as DeviceId[] } },
];

for (const { what, request } of cases) {
  t.test(`the text of an experiment ${what} is read as the same experiment`, async (t) => {
    const spec = completeExperiment({ ...request, name: "warm" });
    const resource: Resource = { kind: "Experiment", name: "warm", spec };
    t.same(parseRolloutFile(resourceText(resource), "file", 0), [resource], resourceText(resource));
  });
}

const file = (spec: string, name = "warm") =>
  `apiVersion: modelferry/v1\nkind: Experiment\nmetadata: { name: ${name} }\nspec: ${spec}`;

const wrong: readonly (readonly [string, RegExp])[] = [
  [file("{ bundle: digits }"), /line 4, spec\.bundle: .*NAME@VERSION/],
  [file("{ bundle: digits@1.1.0, shares: 10% }"), /no field "shares"; did you mean share\?/],
  [file("{ bundle: digits@1.1.0, share: 100% }"), /share of B is between/],
  [file("{ bundle: digits@1.1.0, metrics: [acuracy] }"), /no metric "acuracy"; did you mean accuracy\?/],
  [file("{ bundle: digits@1.1.0, metrics: [{ metric: accuracy, effect: much }] }"), /effect: "much" is neither/],
  [file("{ bundle: digits@1.1.0, against: 1.0 }"), /is not a version; put it into quotation marks/],
  [file("{ bundle: digits@1.1.0 }", "'Oslo Cameras'"), /is not a name/],
  [file("{ selector: site=oslo }"), /bundle is missing/],
];
for (const [text, message] of wrong) {
  t.test(`a file with ${text.slice(text.indexOf("spec"))} is refused`, async (t) => {
    t.throws(() => parseRolloutFile(text, "file", 0), { code: "bad-file", message });
  });
}
