/** The golden set: inputs with the outputs that the publisher expects, run on the device's own hardware before a swap. */
import { Type, type Static } from "typebox";
import { GOLDEN_CASES_MAX, GOLDEN_JSON_BYTES_MAX, TENSORS_MAX } from "../limits.ts";
import { closedObject, gate, parseJson } from "../schema.ts";
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

export const GoldenSet = closedObject({
  formatVersion: Type.Literal(1),
  tolerance: Tolerance,
  cases: Type.Array(
    closedObject({
      name: Type.String({ minLength: 1, maxLength: 200 }),
      inputs: Type.Array(GoldenTensor, { minItems: 1, maxItems: TENSORS_MAX }),
      outputs: Type.Array(GoldenTensor, { minItems: 1, maxItems: TENSORS_MAX }),
    }),
    { minItems: 1, maxItems: GOLDEN_CASES_MAX },
  ),
});
export type GoldenSet = Static<typeof GoldenSet>;

/** Large sets are usual, and their authors must be told what is wrong with them. */
const check = gate("golden set", GoldenSet, { explainedPartsMax: Infinity });

/** Throws a ProtocolError that names the place. */
export function parseGoldenSet(bytes: Uint8Array): GoldenSet {
  return parseJson("golden set", bytes, GOLDEN_JSON_BYTES_MAX, check);
}
