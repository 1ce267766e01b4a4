import t from "tap";
import { experimentFromFlags, type ExperimentFlags } from "../../../controller/experiments/experiment-from-flags.ts";
import { completeExperiment } from "../../../controller/experiments/experiment-spec.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";

const subject = { model: "digits" as ModelName, version: "1.1.0+B" as ModelVersion, selector: "site=oslo" };

t.test("without flags: half of the requests, for a week, three metrics, one error in twenty", async (t) => {
  t.same(experimentFromFlags(subject, {}), {
    ...subject,
    name: "digits-1.1.0-b",
    share: 0.5,
    metrics: [{ metric: "accuracy" }, { metric: "error_rate" }, { metric: "latency_p95_ms" }],
    durationMs: 7 * 86_400_000,
    alpha: 0.05,
  });
});

t.test("flags say the rest", async (t) => {
  const flags: ExperimentFlags = {
    ...{ name: "warm", against: "1.0.0", share: "20%", duration: "36h", confidence: "99%" },
    metric: ["accuracy:1%", "latency_p95_ms:0.5", "latency_p50_ms:10%", "inference.agreementDistanceMax"],
  };
  t.match(experimentFromFlags(subject, flags), {
    ...{ name: "warm", against: "1.0.0", share: 0.2, durationMs: 129_600_000, alpha: 0.01 },
    metrics: [
      { metric: "accuracy", effect: { kind: "absolute", value: 0.01 } },
      { metric: "latency_p95_ms", effect: { kind: "absolute", value: 0.5 } },
      { metric: "latency_p50_ms", effect: { kind: "relative", value: 0.1 } },
      { metric: "inference.agreementDistanceMax" },
    ],
  });
});

const wrong: readonly (readonly [ExperimentFlags, string, RegExp])[] = [
  [{ share: "100%" }, "usage", /--share: "100%"/],
  [{ share: "half" }, "usage", /--share/],
  [{ duration: "soon" }, "usage", /--duration/],
  [{ duration: "60d" }, "bad-experiment", /from 1m to 28d/],
  [{ confidence: "0%" }, "usage", /--confidence/],
  [{ name: "Oslo Cameras" }, "usage", /--name/],
  [{ metric: ["accuracy:0%"] }, "usage", /--metric/],
  [{ metric: ["accuracy:a lot"] }, "usage", /--metric/],
  [{ metric: ["acuracy"] }, "bad-experiment", /did you mean accuracy\?/],
  [{ metric: ["accuracy", "accuracy:1%"] }, "bad-experiment", /accuracy is there twice/],
  [{ metric: ["accuracy:2"] }, "bad-experiment", /points of a hundred/],
  [{ against: "1.1.0+B" }, "bad-experiment", /with itself/],
];
for (const [flags, code, message] of wrong) {
  t.test(`${JSON.stringify(flags)} is refused`, async (t) => {
    t.throws(() => experimentFromFlags(subject, flags), { code, message });
  });
}

t.test("a request may choose by a selector or by ids, and not by both", async (t) => {
  const { model, version } = subject;
  t.equal(completeExperiment({ model, version }).selector, "");
  t.throws(() => completeExperiment({ ...subject, devices: ["cam-1" as never] }), { code: "bad-experiment" });
});
