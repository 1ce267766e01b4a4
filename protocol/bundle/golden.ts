/** The golden set: inputs with the outputs that the publisher expects, run on the device's own hardware before a swap. */
import { Type, type Static } from "typebox";
import { GOLDEN_CASES_MAX, GOLDEN_JSON_BYTES_MAX, TENSORS_MAX } from "../limits.ts";
import { BundlePathText } from "./bundle-path-text.ts";
import { closedObject, gate, parseJson } from "../schema.ts";
import { ProtocolError } from "../protocol-error.ts";
import { Datatype, Shape } from "../tensor.ts";

/** Values in row-major order, or a file in the bundle with the little-endian bytes. Integers beyond 2^53 need a file. */
const GoldenTensor = closedObject({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  datatype: Datatype,
  shape: Shape,
  values: Type.Optional(Type.Array(Type.Union([Type.Number(), Type.Boolean(), Type.String()]))),
  file: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
});
export type GoldenTensor = Static<typeof GoldenTensor>;

/** An output passes where |actual − expected| ≤ absolute + relative × |expected|, for each element. */
export const Tolerance = closedObject({
  absolute: Type.Number({ minimum: 0 }),
  relative: Type.Number({ minimum: 0 }),
});
export type Tolerance = Static<typeof Tolerance>;

const Score = Type.Optional(Type.Number());
const ExpectedLabel = Type.String({ minLength: 1, maxLength: 1_000 });

/**
 * What a picture or a sound means, as `prediction-results.ts` tells it. What is absent is not looked at; of a list that is
 * there, `boxes` and `segments` are all that there are, and `top` the best, of which others may follow.
 */
export const ExpectedResults = closedObject({
  /** The first of them is the best class. Labels, or the class's number where the bundle has none. */
  top: Type.Optional(
    Type.Array(closedObject({ label: ExpectedLabel, score: Score }), { minItems: 1, maxItems: 1_000 }),
  ),
  boxes: Type.Optional(
    Type.Array(
      closedObject({
        label: Type.Optional(ExpectedLabel),
        score: Score,
        /** Left, top, right, bottom, in pixels of the picture. */
        box: Type.Tuple([Type.Number(), Type.Number(), Type.Number(), Type.Number()]),
      }),
      { maxItems: 1_000 },
    ),
  ),
  segments: Type.Optional(
    Type.Array(closedObject({ fromMs: Type.Number(), toMs: Type.Number(), score: Score }), { maxItems: 1_000 }),
  ),
  /** Exactly. */
  text: Type.Optional(Type.String({ maxLength: 10_000 })),
});
export type ExpectedResults = Static<typeof ExpectedResults>;

/** How far what is found may lie from what is expected. Each has a default, which `golden-results.ts` gives. */
export const ResultTolerance = closedObject({
  /** Absolute, of scores. */
  score: Type.Optional(Type.Number({ minimum: 0 })),
  /** The least share of their union that a box has in common with the expected one; 1 is the same box. */
  overlap: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  /** Of where segments begin and end. */
  ms: Type.Optional(Type.Number({ minimum: 0 })),
});
export type ResultTolerance = Static<typeof ResultTolerance>;

const GoldenCaseJson = closedObject({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  inputs: Type.Optional(Type.Array(GoldenTensor, { minItems: 1, maxItems: TENSORS_MAX })),
  outputs: Type.Optional(Type.Array(GoldenTensor, { minItems: 1, maxItems: TENSORS_MAX })),
  /** In place of `inputs`: a JPEG, PNG, WAV or .npy file in the bundle, sent through the model's `preprocessing`. */
  media: Type.Optional(BundlePathText),
  /** With `media`. */
  results: Type.Optional(ExpectedResults),
});

const GoldenSetJson = closedObject({
  formatVersion: Type.Literal(1),
  tolerance: Tolerance,
  resultTolerance: Type.Optional(ResultTolerance),
  cases: Type.Array(GoldenCaseJson, { minItems: 1, maxItems: GOLDEN_CASES_MAX }),
});

/** Tensors, and what the model answers to them. */
export interface TensorCase {
  readonly name: string;
  readonly inputs: readonly GoldenTensor[];
  readonly outputs: readonly GoldenTensor[];
}

/** A picture or a sound: what it means, or, of the last inference over it, output tensors, or both. */
export interface MediaCase {
  readonly name: string;
  readonly media: string;
  readonly results?: ExpectedResults;
  readonly outputs?: readonly GoldenTensor[];
}

export type GoldenCase = TensorCase | MediaCase;

export interface GoldenSet {
  readonly formatVersion: 1;
  readonly tolerance: Tolerance;
  readonly resultTolerance?: ResultTolerance;
  readonly cases: readonly GoldenCase[];
}

/** Large sets are usual, and their authors must be told what is wrong with them. */
const check = gate("golden set", GoldenSetJson, { explainedPartsMax: Infinity });

/** Throws a ProtocolError that names the place. */
export function parseGoldenSet(bytes: Uint8Array): GoldenSet {
  const { cases, ...set } = parseJson("golden set", bytes, GOLDEN_JSON_BYTES_MAX, check);
  return { ...set, cases: cases.map(goldenCase) };
}

export function isMediaCase(golden: GoldenCase): golden is MediaCase {
  return "media" in golden;
}

/** Paths of the files in the bundle that a case names. */
export function goldenFiles(golden: GoldenCase): string[] {
  const tensors = isMediaCase(golden) ? (golden.outputs ?? []) : [...golden.inputs, ...golden.outputs];
  const files = tensors.flatMap(({ file }) => file ?? []);
  return isMediaCase(golden) ? [golden.media, ...files] : files;
}

function goldenCase({ name, inputs, outputs, media, results }: Static<typeof GoldenCaseJson>): GoldenCase {
  const mistake = (why: string) => new ProtocolError("SCHEMA", "golden set", `case "${name}" ${why}`);
  if (media === undefined) {
    if (results !== undefined) throw mistake("has results without media: what would be what means that?");
    if (inputs !== undefined && outputs !== undefined) return { name, inputs, outputs };
    throw mistake("must have inputs and outputs, or media and what it means (results)");
  }
  if (inputs !== undefined) throw mistake("has inputs beside media, which become the inputs");
  if (outputs === undefined && (results === undefined || Object.keys(results).length === 0)) {
    throw mistake("expects nothing of its media: give results (top, boxes, segments or text) or outputs");
  }
  return { name, media, ...(results === undefined ? {} : { results }), ...(outputs === undefined ? {} : { outputs }) };
}
