import t from "tap";
import { readFileSync } from "node:fs";
import { CLASSES_MAX, FeedbackScore } from "../../../agent/monitor/feedback-score.ts";

interface Reference {
  readonly origin: string;
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

for (const { name, truth, predicted, accuracy, macro, classes } of reference.classified) {
  t.test(`${name}: the figures are scikit-learn's`, async (t) => {
    const score = new FeedbackScore();
    for (const [at, actual] of truth.entries()) score.addClass(predicted[at] ?? -1, actual);
    const said = score.classified();
    t.equal(said?.judged, truth.length);
    t.ok(isClose(said?.accuracy, accuracy));
    for (const figure of ["precision", "recall", "f1"] as const) {
      t.ok(isClose(said?.macro[figure], macro[figure]), `macro ${figure}`);
    }
    t.equal(said?.classes.length, classes.length);
    for (const [at, expected] of classes.entries()) {
      const one = said?.classes[at];
      t.match(one, { index: expected.index, support: expected.support });
      for (const figure of ["precision", "recall", "f1"] as const) {
        t.ok(isClose(one?.[figure], expected[figure]), `${figure} of ${expected.index}`);
      }
    }
    t.equal(score.measured(), undefined);
  });
}

for (const { name, truth, predicted, mse, mae } of reference.measured) {
  t.test(`${name}: the errors are scikit-learn's`, async (t) => {
    const score = new FeedbackScore();
    for (const [at, actual] of truth.entries()) score.addValues(predicted[at] ?? [], actual);
    const said = score.measured();
    t.ok(isClose(said?.mse, mse), `${said?.mse} and ${mse}`);
    t.ok(isClose(said?.mae, mae), `${said?.mae} and ${mae}`);
    t.equal(score.classified(), undefined);
  });
}

t.test("classes beyond those that are told one by one count for the accuracy all the same", async (t) => {
  const score = new FeedbackScore();
  for (let index = 0; index < CLASSES_MAX + 10; index += 1) score.addClass(index, index);
  t.match(score.classified(), { judged: CLASSES_MAX + 10, accuracy: 1 });
  t.equal(score.classified()?.classes.length, CLASSES_MAX);
});
