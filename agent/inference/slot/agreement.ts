/** Whether two versions of a model answered one request alike. */
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { elementsIn } from "../../../protocol/tensor-elements.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

export interface Agreement {
  /** The same class where an output has scores of classes; else every output alike. */
  readonly isSame: boolean;
  /** The largest difference of two numbers; undefined where an answer held something that is none, or had another shape. */
  readonly distance: number | undefined;
}

/** Numbers are alike within this, and within this share of the larger one: more than rounding, less than another answer. */
const CLOSE = 1e-3;
const CLOSE_SHARE = 1e-2;

/** Outputs that only one of the two has do not count: callers of one cannot miss those of the other. */
export function agreementOf(one: readonly Tensor[], other: readonly Tensor[]): Agreement {
  const pairs = one.flatMap((tensor) => {
    const counterpart = other.find(({ name }) => name === tensor.name);
    return counterpart === undefined ? [] : [compare(tensor, counterpart)];
  });
  const scores = pairs.filter(({ hasScores }) => hasScores);
  const distances = pairs.map(({ distance }) => distance);
  return {
    isSame: (scores.length > 0 ? scores : pairs).every(({ isSame }) => isSame),
    distance: distances.every((distance) => distance !== undefined) ? Math.max(0, ...distances) : undefined,
  };
}

interface Compared extends Agreement {
  /** One score for each of several classes, of one example. */
  readonly hasScores: boolean;
}

function compare(one: Tensor, other: Tensor): Compared {
  const hasScores = isScores(one);
  const [a, b] = [numbersIn(one), numbersIn(other)];
  if (a === undefined || b === undefined) return { hasScores, isSame: sameBytes(one, other), distance: 0 };
  if (a.length !== b.length) return { hasScores, isSame: false, distance: undefined };
  let [distance, isClose] = [0, true];
  for (const [at, value] of a.entries()) {
    const difference = Math.abs(value - (b[at] ?? NaN));
    if (!(difference <= CLOSE + CLOSE_SHARE * Math.max(Math.abs(value), Math.abs(b[at] ?? NaN)))) isClose = false;
    distance = Math.max(distance, difference);
  }
  if (!Number.isFinite(distance)) return { hasScores, isSame: false, distance: undefined };
  return { hasScores, isSame: hasScores ? a.indexOf(Math.max(...a)) === b.indexOf(Math.max(...b)) : isClose, distance };
}

/** [K] or [1, K] of floats, K > 1. */
export function isScores({ datatype, shape }: Tensor): boolean {
  const classes = shape.at(-1) ?? 0;
  return datatype.startsWith("FP") && classes > 1 && (shape.length === 1 || (shape.length === 2 && shape[0] === 1));
}

/** Undefined for what is no number: texts, and integers that doubles do not hold. */
function numbersIn(tensor: Tensor): number[] | undefined {
  if (tensor.datatype === "BYTES" || tensor.datatype.endsWith("INT64")) return undefined;
  try {
    return Array.from(elementsIn(tensor), Number);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return [];
    throw thrown;
  }
}

function sameBytes(one: Tensor, other: Tensor): boolean {
  return Buffer.compare(one.bytes, other.bytes) === 0;
}
