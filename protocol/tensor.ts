/** Tensors as the Open Inference Protocol v2 names them; shared by bundles, predictions and both programs. */
import { Type, type Static } from "typebox";
import { closedObject } from "./schema.ts";
import { TENSOR_RANK_MAX } from "./limits.ts";

/** OIP v2 datatypes. BYTES elements are length-prefixed (4 bytes, little-endian) in binary form. */
export const Datatype = Type.Union([
  Type.Literal("BOOL"),
  Type.Literal("UINT8"),
  Type.Literal("UINT16"),
  Type.Literal("UINT32"),
  Type.Literal("UINT64"),
  Type.Literal("INT8"),
  Type.Literal("INT16"),
  Type.Literal("INT32"),
  Type.Literal("INT64"),
  Type.Literal("FP16"),
  Type.Literal("FP32"),
  Type.Literal("FP64"),
  Type.Literal("BYTES"),
]);
export type Datatype = Static<typeof Datatype>;

/** Bytes of one element in binary form, little-endian; BYTES has no fixed size. */
export const ELEMENT_BYTES: Readonly<Record<Exclude<Datatype, "BYTES">, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
};

/** What a model takes or gives: -1 stands for a dimension that varies from call to call. */
export const TensorSpec = closedObject({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  datatype: Datatype,
  shape: Type.Array(Type.Integer({ minimum: -1 }), { maxItems: TENSOR_RANK_MAX }),
});
export type TensorSpec = Static<typeof TensorSpec>;

/** The concrete shape of one tensor. A scalar has the shape []. */
export const Shape = Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 }), { maxItems: TENSOR_RANK_MAX });

/** A tensor in memory: little-endian bytes, row-major. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Number of elements; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dimension) => count * dimension, 1);
}

/** True where a concrete shape fits what the model declares. */
export function shapeFits(shape: readonly number[], declared: readonly number[]): boolean {
  return (
    shape.length === declared.length && declared.every((dimension, at) => dimension === -1 || dimension === shape[at])
  );
}
