/** What experiments find: where nothing differs, where something does, and in which words. Seeded. */
import t from "tap";
import { experimentResults } from "../../../controller/experiments/experiment-results.ts";
import type { ExperimentResults } from "../../../controller/experiments/experiment-shape.ts";
import { metricNamed, runNoisyExperiment, type NoisyExperiment } from "../../support/noisy-experiment.ts";

const METRICS = ["accuracy", "error_rate", "latency_p95_ms", "confidence"].map((name) => metricNamed(name));
const question = { metrics: METRICS, share: 0.5, alpha: 0.05, candidate: "2", isOver: false };

/** As it stands after every third interval. */
function* looksAt(experiment: Partial<NoisyExperiment>): Generator<ExperimentResults> {
  const whole = { seed: 1, devices: 4, share: 0.5, intervals: 120, b: {}, ...experiment };
  let interval = 0;
  for (const counted of runNoisyExperiment(whole, METRICS)) {
    interval += 1;
    if (interval % 3 === 0) yield experimentResults(question, counted);
  }
}

function lastOf(experiment: Partial<NoisyExperiment>): ExperimentResults {
  const last = [...looksAt(experiment)].at(-1);
  if (last === undefined) throw new Error("it is longer than that");
  return last;
}

t.test("of the same version twice, fewer than alpha are ever called different, however often one looks", async (t) => {
  const runs = 60;
  let [misled, broken] = [0, 0];
  for (let seed = 1; seed <= runs; seed += 1) {
    const looks = [...looksAt({ seed, devices: 3, intervals: 90 })];
    const isOut = ({ metrics }: ExperimentResults) =>
      metrics.some(({ low, high }) => (low !== null && low > 0) || (high !== null && high < 0));
    if (looks.some(isOut)) misled += 1;
    if (looks.some(({ sampleRatio }) => sampleRatio.verdict === "broken")) broken += 1;
  }
  t.ok(misled <= 0.05 * runs, `${misled} of ${runs}`);
  t.equal(broken, 0);
});

t.test("a slower version is found, in words with the numbers", async (t) => {
  const { advice, verdict, metrics } = lastOf({ b: { slower: 1.4 } });
  t.equal(advice, "keep", verdict);
  t.match(
    verdict,
    /^B \(2\) is slower by [0-9.]+ to [0-9.]+ ms at p95.*: keep A; keep going: accuracy needs about [0-9,]+ more labelled answers/,
  );
  const p95 = metrics.find(({ metric }) => metric === "latency_p95_ms");
  t.ok(Number(p95?.p) < 0.001 && Number(p95?.low) > 0);
});

t.test("one that is right more often is promoted", async (t) => {
  const { advice, verdict } = lastOf({ b: { rightMore: 0.12 }, labelled: 1, intervals: 200 });
  t.equal(advice, "promote", verdict);
  t.match(verdict, /^B \(2\) answers [0-9.]+ to [0-9.]+ points more rightly.*: it is the better one/);
});

t.test("one that is better in one thing and worse in another is a choice", async (t) => {
  const { advice, verdict } = lastOf({ b: { rightMore: 0.12, slower: 1.5 }, labelled: 1, intervals: 200 });
  t.equal(advice, "choose", verdict);
  t.match(verdict, /^B \(2\) is slower by .* points more rightly.*: the choice is yours/);
});

t.test("one that is surer of itself is neither better nor worse for it", async (t) => {
  const { advice, metrics } = lastOf({ b: { surer: 0.03 } });
  t.match(
    metrics.find(({ metric }) => metric === "confidence"),
    { verdict: "higher", text: /surer of its classes\.$/ },
  );
  t.equal(advice, "go-on");
});

t.test("before anything was counted, what is missing is told", async (t) => {
  const said = experimentResults(question, []);
  t.match(said, { advice: "go-on", sampleRatio: { verdict: "open" } });
  t.match(
    said.verdict,
    /^Nothing is beyond doubt about B \(2\); keep going: accuracy has no labelled answers of either version yet/,
  );
  t.match(experimentResults({ ...question, isOver: true }, []).verdict, /undecided when it ended/);
});

t.test("where the shares are not what they should be, nothing else is believed", async (t) => {
  const counted =
    [...runNoisyExperiment({ seed: 3, devices: 3, share: 0.4, intervals: 120, b: { slower: 2 } }, METRICS)].at(-1) ??
    [];
  t.match(experimentResults(question, counted), {
    advice: "distrust",
    verdict: /not to be trusted: B got 39\.5 % of/,
  });
});
