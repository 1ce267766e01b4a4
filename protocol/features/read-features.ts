import { ProtocolError } from "../protocol-error.ts";
import { elementsIn, type Elements } from "../tensor-elements.ts";
import type { Tensor } from "../tensor.ts";
import type { TensorFeatures } from "./feature-layout.ts";

/** A number, or the name of a category; undefined: neither, such as NaN. */
export type FeatureValue = number | string | undefined;

/** Of texts nothing leaves a device but which of so many buckets they fall into, where no baseline knows them. */
const TEXT_BUCKETS = 64;

/** How many examples the tensors hold. */
export function examplesIn(layout: readonly TensorFeatures[], tensors: readonly Tensor[]): number {
  for (const { tensor, isBatched } of layout) {
    const found = tensors.find(({ name }) => name === tensor);
    if (found !== undefined) return isBatched ? (found.shape[0] ?? 1) : 1;
  }
  return 0;
}

/** Reads the features of one example after another from the tensors of one request. Tensors that cannot be read have none. */
export class FeatureReader {
  readonly #parts: readonly { readonly take: TensorFeatures; readonly elements: Elements; readonly each: number }[];

  constructor(layout: readonly TensorFeatures[], tensors: readonly Tensor[]) {
    this.#parts = layout.flatMap((take) => {
      const tensor = tensors.find(({ name }) => name === take.tensor);
      const elements = tensor === undefined ? undefined : readable(tensor);
      if (tensor === undefined || elements === undefined) return [];
      const examples = take.isBatched ? (tensor.shape[0] ?? 1) : 1;
      return examples === 0 ? [] : [{ take, elements, each: elements.length / examples }];
    });
  }

  /** Calls `tell` for each feature of the example with this index, counted from 0. */
  read(example: number, tell: (feature: string, value: FeatureValue) => void): void {
    for (const { take, elements, each } of this.#parts) {
      const from = take.isBatched ? example * each : 0;
      if (from + each <= elements.length) readPart(take, elements, from, each, tell);
    }
  }
}

function readable(tensor: Tensor): Elements | undefined {
  try {
    return elementsIn(tensor);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    throw thrown;
  }
}

function readPart(
  { take, features }: TensorFeatures,
  elements: Elements,
  from: number,
  each: number,
  tell: (feature: string, value: FeatureValue) => void,
): void {
  switch (take) {
    case "elements":
      for (const [at, { name, type }] of features.entries()) {
        const element = elements[from + at];
        tell(name, type === "category" ? categoryOf(element) : numberOf(element));
      }
      return;
    case "class":
      tell(features[0]?.name ?? "", categoryOf(elements[from]));
      return;
    case "scores": {
      const [best, score] = bestOf(elements, from, each);
      tell(features[0]?.name ?? "", best === undefined ? undefined : String(best));
      tell(features[1]?.name ?? "", score);
      return;
    }
    case "summary": {
      const summed = summaryOf(elements, from, each);
      for (const [at, { name }] of features.entries()) tell(name, summed[at]);
    }
  }
}

function numberOf(element: Elements[number] | undefined): number | undefined {
  const value = Number(element);
  return element instanceof Uint8Array || !Number.isFinite(value) ? undefined : value;
}

function categoryOf(element: Elements[number] | undefined): string | undefined {
  if (element === undefined) return undefined;
  return element instanceof Uint8Array ? textCategory(element) : String(element);
}

/** FNV-1a, so that every device puts a text into the same bucket. */
function textCategory(text: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of text) hash = Math.imul(hash ^ byte, 0x01000193);
  return `#${(hash >>> 0) % TEXT_BUCKETS}`;
}

/** Undefined where a score is no number. */
function bestOf(elements: Elements, from: number, each: number): readonly [best?: number, score?: number] {
  let [best, score] = [-1, -Infinity];
  for (let at = 0; at < each; at += 1) {
    const value = Number(elements[from + at]);
    if (Number.isNaN(value)) return [];
    if (value > score) [best, score] = [at, value];
  }
  return best < 0 || !Number.isFinite(score) ? [] : [best, score];
}

/** Elements of one example that are looked at: of a larger one every second, third, …: a picture's mean needs no more. */
const SUMMED_ELEMENTS_MAX = 4_096;

/** Mean, standard deviation, least, greatest; all undefined where an element is no finite number. */
function summaryOf(elements: Elements, from: number, each: number): readonly (number | undefined)[] {
  const step = Math.ceil(each / SUMMED_ELEMENTS_MAX);
  let [count, mean, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let at = from; at < from + each; at += step) {
    const value = Number(elements[at]);
    if (!Number.isFinite(value)) return [];
    count += 1;
    // Welford's method: no difference of large sums.
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return count === 0 ? [] : [mean, Math.sqrt(squares / count), min, max];
}
