/** How good the predictions of one version were, from their truth: sums from which every figure follows. Pure. */

/** Of one class: predicted rightly, predicted although it was another, another predicted although it was this. */
interface ClassCounts {
  hits: number;
  falseAlarms: number;
  misses: number;
}

export interface ClassFigures {
  readonly index: number;
  /** 0 where it was never predicted, as scikit-learn's `zero_division=0`. */
  readonly precision: number;
  /** 0 where it never was the truth. */
  readonly recall: number;
  readonly f1: number;
  /** Times that it was the truth. */
  readonly support: number;
}

export interface Classified {
  readonly judged: number;
  readonly accuracy: number;
  /** Means over the classes that were predicted or true, each counting the same. */
  readonly macro: Pick<ClassFigures, "precision" | "recall" | "f1">;
  /** By index; those beyond CLASSES_MAX are left out here and in `macro`. */
  readonly classes: readonly ClassFigures[];
}

export interface Measured {
  /** Predictions; those of several values count their mean. */
  readonly judged: number;
  /** Mean squared error, in the square of the output's unit. */
  readonly mse: number;
  /** Mean absolute error, in the output's unit. */
  readonly mae: number;
}

/** Rows of a table that a person still reads; a model of a thousand classes has its accuracy all the same. */
export const CLASSES_MAX = 256;

export class FeedbackScore {
  readonly #classes = new Map<number, ClassCounts>();
  #judged = 0;
  #right = 0;
  #measured = 0;
  #squares = 0;
  #absolutes = 0;

  addClass(predicted: number, actual: number): void {
    this.#judged += 1;
    if (predicted === actual) {
      this.#right += 1;
      this.#note(actual, "hits");
      return;
    }
    this.#note(predicted, "falseAlarms");
    this.#note(actual, "misses");
  }

  /** As many values as were predicted. */
  addValues(
    predicted: readonly number[],
    actual: readonly number[],
  ): { readonly absolute: number; readonly square: number } {
    const errors = predicted.map((value, at) => value - (actual[at] ?? Number.NaN));
    const absolute = meanOf(errors.map(Math.abs));
    const square = meanOf(errors.map((error) => error ** 2));
    this.#measured += 1;
    this.#absolutes += absolute;
    this.#squares += square;
    return { absolute, square };
  }

  /** Undefined where no class was judged. */
  classified(): Classified | undefined {
    if (this.#judged === 0) return undefined;
    const classes = [...this.#classes]
      .map(([index, counts]) => figuresOf(index, counts))
      .sort((a, b) => a.index - b.index);
    const mean = (figure: "precision" | "recall" | "f1") => meanOf(classes.map((one) => one[figure]));
    const macro = { precision: mean("precision"), recall: mean("recall"), f1: mean("f1") };
    return { judged: this.#judged, accuracy: this.#right / this.#judged, macro, classes };
  }

  /** Undefined where no values were judged. */
  measured(): Measured | undefined {
    const judged = this.#measured;
    return judged === 0 ? undefined : { judged, mse: this.#squares / judged, mae: this.#absolutes / judged };
  }

  #note(index: number, what: keyof ClassCounts): void {
    const counts = this.#classes.get(index) ?? { hits: 0, falseAlarms: 0, misses: 0 };
    if (!this.#classes.has(index) && this.#classes.size >= CLASSES_MAX) return;
    counts[what] += 1;
    this.#classes.set(index, counts);
  }
}

function figuresOf(index: number, { hits, falseAlarms, misses }: ClassCounts): ClassFigures {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return {
    index,
    precision: share(hits, hits + falseAlarms),
    recall: share(hits, hits + misses),
    f1: share(2 * hits, 2 * hits + falseAlarms + misses),
    support: hits + misses,
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
