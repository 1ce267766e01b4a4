/** How a device is to serve a model: what the publisher knows of it, and a device takes as far as its hardware allows. */
import { Type, type Static } from "typebox";
import { ProtocolError } from "../protocol-error.ts";
import { closedObject } from "../schema.ts";
import type { TensorSpec } from "../tensor.ts";

/** Each instance holds the whole model once more: beyond this, a larger machine is served better by batches. */
const INSTANCES_MAX = 16;
/** More processors than any edge machine has; a device never takes more than its own. */
const THREADS_MAX = 64;
/** Rows of one batch: a model that still gains from more has no overhead left to save. */
const BATCH_MAX = 1_024;
/** A request that waits longer for company than people notice has lost more than a batch can give back. */
const BATCH_DELAY_MS_MAX = 100;

export const Serving = closedObject({
  /** Runner processes that answer side by side; 1 where it is absent. A device runs at most one for each processor. */
  instances: Type.Optional(Type.Integer({ minimum: 1, maximum: INSTANCES_MAX })),
  /** Threads of each instance within one operator; where it is absent the device shares out its processors. */
  intraOpThreads: Type.Optional(Type.Integer({ minimum: 1, maximum: THREADS_MAX })),
  /** Requests that wait at the same time are computed together, along the first dimension of every input and output. */
  batching: Type.Optional(
    closedObject({
      /** Rows of one batch, those of all its requests together. A request that has more is computed alone. */
      maxBatch: Type.Integer({ minimum: 2, maximum: BATCH_MAX }),
      /** Milliseconds that the oldest request waits for others while a runner is free; 0 where it is absent. */
      maxDelayMs: Type.Optional(Type.Number({ minimum: 0, maximum: BATCH_DELAY_MS_MAX })),
    }),
  ),
});
export type Serving = Static<typeof Serving>;
export type Batching = NonNullable<Serving["batching"]>;

type Named = Pick<TensorSpec, "name"> & { readonly shape: readonly number[] };

interface Interface {
  readonly inputs: readonly Named[];
  readonly outputs: readonly Named[];
}

/** Whether each input and output has a first dimension that varies, as rows do. What they mean only the model can show. */
export function hasRows({ inputs, outputs }: Interface): boolean {
  return [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
}

/** Throws SCHEMA where batches are asked for and an input or output has no rows. */
export function checkBatching(model: Interface & { readonly serving?: Serving }): void {
  if (model.serving?.batching === undefined || hasRows(model)) return;
  const fixed = [...model.inputs, ...model.outputs].find(({ shape }) => shape[0] !== -1);
  const which = `"${fixed?.name ?? ""}" has the shape [${fixed?.shape.join(", ") ?? ""}]`;
  const why = `/serving/batching needs -1 as the first dimension of every input and output; ${which}`;
  throw new ProtocolError("SCHEMA", "model.json", why);
}
