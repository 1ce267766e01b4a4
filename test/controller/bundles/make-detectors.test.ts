import t from "tap";
import { inverseFactor } from "../../../controller/bundles/inverse-factor.ts";
import { ANOMALY_FALSE_ALARMS, makeDetectors } from "../../../controller/bundles/make-detectors.ts";
import { AnomalyScorer, SCORE_MAX } from "../../../protocol/features/anomaly-scorer.ts";
import type { Detectors } from "../../../protocol/bundle/baseline.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const uniform = seededRandom(5);
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

/** Two correlated values, a skewed one, and one that is nearly always 0. */
function example(): readonly number[] {
  const shared = normal();
  return [20 + 3 * shared, 5 * shared + normal(), Math.exp(normal()), uniform() < 0.02 ? 4 : 0];
}

function detectorsOf(examples: readonly (readonly number[])[]): Detectors {
  const names = ["a", "b", "c", "d"];
  const made = makeDetectors(names.map((name, at) => ({ name, values: examples.map((values) => values[at] ?? NaN) })));
  if (made === undefined) throw new Error("there are samples enough");
  return made;
}

function scoresOf(detectors: Detectors, examples: readonly (readonly number[])[]) {
  const scorer = new AnomalyScorer(detectors);
  return examples.map((values) => {
    for (const [at, { name }] of detectors.features.entries()) scorer.tell(name, values[at]);
    return scorer.take();
  });
}

const examples = (count: number) => Array.from({ length: count }, example);

t.test(
  "without a change each detector calls about the promised share anomalous, whatever the distribution",
  async (t) => {
    let [robust, mahalanobis, all] = [0, 0, 0];
    for (let fleet = 0; fleet < 20; fleet += 1) {
      for (const scores of scoresOf(detectorsOf(examples(1_000)), examples(1_000))) {
        all += 1;
        if (scores.isBeyondRobustZ) robust += 1;
        if (scores.isBeyondMahalanobis) mahalanobis += 1;
      }
    }
    for (const share of [robust / all, mahalanobis / all]) {
      t.ok(share > 0.006 && share < 0.014, `${share} of ${ANOMALY_FALSE_ALARMS}`);
    }
  },
);

t.test(
  "values that are common one by one and not together are beyond Mahalanobis, and far ones beyond both",
  async (t) => {
    const detectors = detectorsOf(examples(1_000));
    const [apart, far, broken, next] = scoresOf(detectors, [
      [24, -7, 1, 0],
      [20, 900, 1, 0],
      [20, NaN, 1, 0],
      [20, 0, 1, 0],
    ]);
    t.match(apart, { isBeyondRobustZ: false, isBeyondMahalanobis: true });
    t.match(far, { isBeyondRobustZ: true, isBeyondMahalanobis: true, farthest: "b" });
    t.match(broken, { robustZ: SCORE_MAX, mahalanobis: SCORE_MAX, isBeyondRobustZ: true, farthest: "b" });
    t.match(next, { isBeyondRobustZ: false, isBeyondMahalanobis: false }, "an example leaves nothing behind");
  },
);

t.test("one input has no covariance; few samples make no detectors; a constant has a scale", async (t) => {
  const values = Array.from({ length: 300 }, normal);
  t.equal(makeDetectors([{ name: "a", values }])?.mahalanobis, undefined);
  t.equal(makeDetectors([{ name: "a", values: values.slice(0, 199) }]), undefined);
  t.equal(makeDetectors([]), undefined);
  const [constant] = makeDetectors([{ name: "a", values: values.map(() => 300) }])?.features ?? [];
  t.match(constant, { centre: 300, scale: 3 });
});

t.test("the factor whitens: distances are those of the inverted covariance", async (t) => {
  // By Gauss-Jordan in Python: S = cov(x, ddof=1) * n/(n+d) + I * d/(n+d); sqrt((p-m) @ inv(S) @ (p-m)) for p = [3, 1, 2]
  const columns = [
    [1, 2, 4, 3, 5, 0],
    [2, 1, 5, 3, 6, 1],
    [0, 2, 1, 5, 3, 2],
  ];
  const { factor, offset } = inverseFactor(columns);
  const point = [3, 1, 2];
  const rows = [factor.slice(0, 1), factor.slice(1, 3), factor.slice(3, 6)];
  const moved = rows.map((row, at) =>
    row.reduce((sum, value, column) => sum + value * (point[column] ?? 0), -(offset[at] ?? 0)),
  );
  t.equal(Math.hypot(...moved).toFixed(9), "2.428076588");
});
