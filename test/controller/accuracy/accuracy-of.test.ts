import t from "tap";
import { readFileSync } from "node:fs";
import { accuracyOf } from "../../../controller/accuracy/accuracy-of.ts";
import { ClassTally } from "../../../protocol/class-tally.ts";
import { InferenceSum } from "../../../protocol/inference-sum.ts";

interface Reference {
  readonly classified: readonly {
    readonly name: string;
    readonly truth: readonly number[];
    readonly predicted: readonly number[];
    readonly accuracy: number;
    readonly macro: Readonly<Record<"precision" | "recall" | "f1", number>>;
    readonly classes: readonly Readonly<Record<"index" | "precision" | "recall" | "f1" | "support", number>>[];
  }[];
  readonly measured: readonly {
    readonly name: string;
    readonly truth: readonly (readonly number[])[];
    readonly predicted: readonly (readonly number[])[];
    readonly mse: number;
    readonly mae: number;
  }[];
}

const file = new URL("../../fixtures/feedback/scikit-learn.json", import.meta.url);
const reference = JSON.parse(readFileSync(file, "utf8")) as Reference;
const isClose = (one: number | undefined, other: number) => Math.abs(Number(one) - other) < 1e-12;
const of = (sum: InferenceSum) => accuracyOf({ model: "digits", version: "1.0.0", devices: 1, sum });
const record = { slot: "digits", version: "1.0.0", intervalMs: 10_000 };

for (const { name, truth, predicted, accuracy, macro, classes } of reference.classified) {
  t.test(`${name}: the fleet's figures are scikit-learn's, although devices sent them in parts`, async (t) => {
    const sum = new InferenceSum();
    for (let from = 0; from < truth.length; from += 37) {
      const tally = new ClassTally();
      const part = truth
        .slice(from, from + 37)
        .map((actual, at) => [String(predicted[from + at]), String(actual)] as const);
      for (const [told, actual] of part) tally.note(told, actual);
      const feedbackRight = part.filter(([told, actual]) => told === actual).length;
      const texts = { feedbackClasses: tally.classesText(), feedbackPairs: tally.pairsText() };
      sum.add({ ...record, feedbackJudged: part.length, feedbackRight, ...texts });
    }
    const said = of(sum);
    t.ok(isClose(said?.accuracy?.share, accuracy));
    t.equal(said?.untold, 0);
    for (const figure of ["precision", "recall", "f1"] as const)
      t.ok(isClose(said?.macro?.[figure], macro[figure]), figure);
    for (const expected of classes) {
      const one = said?.classes.find(({ label }) => label === String(expected.index));
      t.equal(one?.support, expected.support);
      t.ok(isClose(one?.precision?.share ?? 0, expected.precision));
      t.ok(isClose(one?.recall?.share ?? 0, expected.recall));
      t.ok(isClose(one?.f1, expected.f1));
    }
  });
}

for (const { name, truth, predicted, mse, mae } of reference.measured) {
  t.test(`${name}: the errors of values are scikit-learn's`, async (t) => {
    const sum = new InferenceSum();
    for (const [at, values] of truth.entries()) {
      const errors = values.map((value, place) => (predicted[at]?.[place] ?? Number.NaN) - value);
      const mean = (of: (error: number) => number) => errors.reduce((all, error) => all + of(error), 0) / errors.length;
      const means = { feedbackAbsoluteMean: mean(Math.abs), feedbackSquareMean: mean((error) => error ** 2) };
      sum.add({ ...record, feedbackMeasured: 1, ...means });
    }
    const said = of(sum);
    t.equal(said?.accuracy, null);
    t.ok(isClose(said?.values?.mse, mse));
    t.ok(isClose(said?.values?.rmse, Math.sqrt(mse)));
    t.ok(isClose(said?.values?.mae, mae));
  });
}

t.test("an agent that tells no classes has its accuracy, and says how much is untold", async (t) => {
  const sum = new InferenceSum();
  sum.add({ ...record, feedbackJudged: 20, feedbackRight: 19 });
  t.match(of(sum), { accuracy: { share: 0.95, of: 20 }, macro: null, classes: [], untold: 20, values: null });
});

t.test("where no truth came, nothing is said", async (t) => {
  const sum = new InferenceSum();
  sum.add({ ...record, "outcome.answered": 5 });
  t.equal(of(sum), undefined);
});
