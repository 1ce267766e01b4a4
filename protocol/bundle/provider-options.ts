import { Type, type Static } from "typebox";
import { closedObject } from "../schema.ts";

/** Less than this, and no engine of a model of use is built, nor any of its tensors held. */
const BYTES_MIN = 16 * 1024 ** 2;

/**
 * How to use an execution provider with this model, where its own choice is not the right one: on a Jetson, graphics
 * memory is the memory of everything else. What the onnxruntime of a device does not read is said in its evidence.
 */
export const ProviderOptions = closedObject({
  cuda: Type.Optional(
    closedObject({
      /** The most that its allocator takes; absent: all that is there. */
      memoryBytes: Type.Optional(Type.Integer({ minimum: BYTES_MIN })),
    }),
  ),
  tensorrt: Type.Optional(
    closedObject({
      /** Compute in 16 bits where that is faster; the golden set tells whether it is still good enough. */
      halfPrecision: Type.Optional(Type.Boolean()),
      /** Scratch memory while the engine is built; absent: what TensorRT takes. */
      workspaceBytes: Type.Optional(Type.Integer({ minimum: BYTES_MIN })),
    }),
  ),
});
export type ProviderOptions = Static<typeof ProviderOptions>;
