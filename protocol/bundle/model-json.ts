import { Type, type Static } from "typebox";
import { ModelName, ModelVersion } from "../ids.ts";
import { MODEL_JSON_BYTES_MAX, TENSORS_MAX } from "../limits.ts";
import { closedObject, gate, parseJson } from "../schema.ts";
import { ProtocolError } from "../protocol-error.ts";
import { TensorSpec } from "../tensor.ts";
import { AgentPart, kindMistake } from "./agent-part.ts";
import { BundlePathText } from "./bundle-path-text.ts";
import { ProviderOptions } from "./provider-options.ts";
import { checkBatching, Serving } from "./serving.ts";
import { checkVariants, Compatible, Providers, Variants } from "./variants.ts";
import { Parameters } from "./parameters.ts";
import { Postprocessing } from "./postprocessing.ts";
import { Preprocessing } from "./preprocessing.ts";
import { processingMistake } from "./processing-mistake.ts";

/** Least and most, both included. */
export const OutputRange = Type.Tuple([Type.Number(), Type.Number()]);
export type OutputRange = Static<typeof OutputRange>;

const OutputSpec = closedObject({
  ...TensorSpec.properties,
  /**
   * Where every value of a sound answer lies, such as [0, 1] for probabilities. The golden set must keep to it, and a
   * device turns back from a version that leaves it for inputs of finite numbers.
   */
  range: Type.Optional(OutputRange),
});

/**
 * `model.json`, inside the signed set: whatever changes what the model means or where it may run. Unknown fields are
 * refused, so a device never runs a model whose description it understands only in part.
 */
export const ModelJson = closedObject({
  formatVersion: Type.Literal(1),
  /** Absent: a model. `agent`: the agent's own program, of which only the fields beside `inputs` and `golden` speak. */
  kind: Type.Optional(Type.Literal("agent")),
  name: ModelName,
  version: ModelVersion,
  /** Ascends with each release of this name; for people and ordering, not for security. */
  release: Type.Integer({ minimum: 0 }),
  /** Raised only when older releases must never run again: a device refuses a bundle below the highest it committed. */
  rollbackIndex: Type.Integer({ minimum: 0 }),
  description: Type.Optional(Type.String({ maxLength: 2_000 })),
  /**
   * The ONNX file. External data, where it has any, lies beside it and is listed by the signature too. Of an agent: the
   * program to start, in the folder of each build.
   */
  file: BundlePathText,
  /** The same in other precisions: a device measures those that fit it, and takes the fastest that passes the golden set. */
  variants: Type.Optional(Variants),
  /** Of a model at least one of each; an agent has none. */
  inputs: Type.Array(TensorSpec, { maxItems: TENSORS_MAX }),
  outputs: Type.Array(OutputSpec, { maxItems: TENSORS_MAX }),
  /** A text file, one label a line, for the last dimension of the first output. */
  labels: Type.Optional(BundlePathText),
  /** The golden set; see `golden.ts`. Every model has one: nothing else would prove it. */
  golden: Type.Optional(BundlePathText),
  /** What normal inputs and outputs look like; see `baseline.ts`. Absent: drift is measured against the first that a fleet sees. */
  baseline: Type.Optional(BundlePathText),
  /** Hardware classes on which it may run, such as `linux-arm64` or `jetson`; `*` for any. */
  compatible: Compatible,
  /** The oldest agent that understands this bundle, as MAJOR.MINOR.PATCH. */
  minimumAgent: Type.Optional(Type.String({ pattern: "^[0-9]{1,6}\\.[0-9]{1,6}\\.[0-9]{1,6}$" })),
  providers: Type.Optional(Providers),
  providerOptions: Type.Optional(ProviderOptions),
  /** How a picture or a sound becomes the inputs; absent: the model takes tensors only. */
  preprocessing: Type.Optional(Preprocessing),
  /** What the outputs mean; absent: they are given as they are. */
  postprocessing: Type.Optional(Postprocessing),
  /** Numbers of the processing that an operator may set, with the bounds that hold against whoever owns the controller. */
  parameters: Type.Optional(Parameters),
  /** Measured on the device during qualification; beyond one of them the bundle is refused there. */
  budgets: Type.Optional(
    closedObject({
      latencyP95Ms: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      /** Resident memory of the runner process with the model loaded and warm. */
      memoryBytes: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
  ),
  serving: Type.Optional(Serving),
  /** The builds of an agent. */
  agent: Type.Optional(AgentPart),
});
export type ModelJson = Static<typeof ModelJson>;

const check = gate("model.json", ModelJson);

/** Throws a ProtocolError that names the field. */
export function parseModelJson(bytes: Uint8Array): ModelJson {
  const model = parseJson("model.json", bytes, MODEL_JSON_BYTES_MAX, check);
  const mistaken = kindMistake(model);
  if (mistaken !== undefined) throw new ProtocolError("SCHEMA", "model.json", mistaken);
  checkVariants(model);
  checkBatching(model);
  const mistake = processingMistake(model);
  if (mistake !== undefined) throw new ProtocolError("SCHEMA", "model.json", mistake);
  return model;
}
