import type { DeviceId } from "../../protocol/ids.ts";
import type { ClassCounts, LabelledCounts } from "../../protocol/class-tally.ts";
import type { InferenceSum } from "../../protocol/inference-sum.ts";
import type { ClassAccuracy, VersionAccuracy } from "./accuracy-shape.ts";
import { wilson } from "./wilson.ts";

/** What one version did, on one device or on many. */
export interface JudgedSum {
  readonly model: string;
  readonly version: string;
  readonly device?: DeviceId;
  readonly devices: number;
  readonly sum: InferenceSum;
}

/** Confusions that a person looks at. */
const CONFUSIONS_MAX = 10;

/** Every figure follows from the counts; undefined where no truth came. Pure: reports use it as the API does. */
export function accuracyOf({ sum, ...of }: JudgedSum): VersionAccuracy | undefined {
  const { feedbackJudged: judged, feedbackRight: right, feedbackMeasured: measured } = sum.counts;
  if (judged === 0 && measured === 0) return undefined;
  const classes = sum.classes
    .classes()
    .map(classAccuracy)
    .sort((one, other) => other.support - one.support || (one.label < other.label ? -1 : 1));
  return {
    ...of,
    accuracy: wilson(Math.min(right, judged), judged) ?? null,
    macro: classes.length === 0 ? null : macroOf(classes),
    classes,
    untold: Math.max(0, judged - classes.reduce((told, { support }) => told + support, 0)),
    confusions: sum.classes.pairs().slice(0, CONFUSIONS_MAX),
    values:
      measured === 0
        ? null
        : {
            judged: measured,
            mse: sum.squareSum / measured,
            rmse: Math.sqrt(sum.squareSum / measured),
            mae: sum.absoluteSum / measured,
          },
  };
}

function classAccuracy({ label, ...counts }: LabelledCounts): ClassAccuracy {
  const { hits, falseAlarms, misses } = counts;
  return {
    label,
    support: hits + misses,
    precision: wilson(hits, hits + falseAlarms) ?? null,
    recall: wilson(hits, hits + misses) ?? null,
    f1: f1Of(counts),
  };
}

function f1Of({ hits, falseAlarms, misses }: ClassCounts): number {
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + falseAlarms + misses);
}

function macroOf(classes: readonly ClassAccuracy[]): NonNullable<VersionAccuracy["macro"]> {
  const mean = (value: (one: ClassAccuracy) => number) =>
    classes.reduce((sum, one) => sum + value(one), 0) / classes.length;
  return {
    precision: mean(({ precision }) => precision?.share ?? 0),
    recall: mean(({ recall }) => recall?.share ?? 0),
    f1: mean(({ f1 }) => f1),
  };
}
