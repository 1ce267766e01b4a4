/** `POST /predict`: the shortest way to a prediction; shapes and datatypes come from the model, labels from its bundle. */
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import { nestValues, shapeOfNested, tensorFromValues, valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import { Labels } from "./labels.ts";
import { TIMEOUT_MS } from "./oip-routes.ts";
import { BODY_BYTES_MAX } from "./read-body.ts";

/** How many labels are told: what fits a glance; the outputs hold them all. */
const TOP_COUNT = 5;

/** `{"inputs": {name: values}}`, or the values alone for a model with one input. */
type Prediction = { readonly inputs: Readonly<Record<string, unknown>> } | readonly unknown[];

const checkInputs = gate("prediction", Type.Object({ inputs: Type.Record(Type.String(), Type.Unknown()) }));

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Throws HttpError 400 in words: who types a body by hand has no schema at hand. */
function checkBody(value: unknown): Prediction {
  if (isArray(value)) return value;
  if (typeof value === "object" && value !== null && "inputs" in value) return checkInputs(value);
  throw new HttpError(
    400,
    'A prediction is {"inputs": {"name": values, …}}, or the array of values for a model with one input',
  );
}

export function predictRoutes(engine: InferenceEngine): [string, HttpHandler][] {
  const labels = new Labels();
  return [
    ["POST /predict", (request) => predict(engine, labels, onlySlot(engine), request)],
    [
      "POST /predict/:model",
      (request) => predict(engine, labels, findSlot(engine, request.parameters["model"] ?? ""), request),
    ],
  ];
}

async function predict(
  engine: InferenceEngine,
  labels: Labels,
  { slot, bundle }: ServedSlot,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const body = parseJson("prediction", await request.body(), BODY_BYTES_MAX, checkBody);
  const inputs = inputsOf(bundle.model.inputs, body);
  const response = await engine.infer({ slot, inputs, timeoutMs: TIMEOUT_MS });
  const values = response.outputs.map((tensor) => [tensor.name, nestValues(valuesFromTensor(tensor), tensor.shape)]);
  return jsonAnswer({
    model: response.model,
    version: response.version,
    outputs: Object.fromEntries(values) as unknown,
    // The version that answered may have come while this request waited: its labels, not those of the one before.
    top: top(response.outputs[0], await labels.of(engine, response.statement)),
  });
}

function inputsOf(specs: readonly TensorSpec[], body: Prediction): Tensor[] {
  if ("inputs" in body) {
    const byName = new Map(specs.map((spec) => [spec.name, spec]));
    return Object.entries(body.inputs).map(([name, values]) => {
      const spec = byName.get(name);
      if (spec === undefined)
        throw new HttpError(400, `There is no input "${name}"; the model's inputs are ${namesOf(specs)}`);
      return inputOf(spec, values);
    });
  }
  const [spec, ...others] = specs;
  if (spec === undefined || others.length > 0) {
    throw new HttpError(400, `This model has the inputs ${namesOf(specs)}: send {"inputs": {"name": values, …}}`);
  }
  return [inputOf(spec, body)];
}

/** One example for a model that takes batches may come without the batch around it. */
function inputOf({ name, datatype, shape: declared }: TensorSpec, values: unknown): Tensor {
  const nested = shapeOfNested(values);
  const isOneOfBatch = nested.length === declared.length - 1 && (declared[0] === -1 || declared[0] === 1);
  return tensorFromValues(
    { name, datatype, shape: isOneOfBatch ? [1, ...nested] : nested },
    isOneOfBatch ? [values] : values,
  );
}

/** The most probable labels of one example; empty where the bundle has no labels, or the output is no list of scores. */
function top(output: Tensor | undefined, labels: readonly string[]): { label: string; score: number }[] {
  if (output === undefined || labels.length === 0) return [];
  const scores = valuesFromTensor(output);
  if (scores.length !== labels.length) return [];
  return scores
    .map((score, at) => ({ label: labels[at] ?? "", score: Number(score) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, TOP_COUNT);
}

function onlySlot(engine: InferenceEngine): ServedSlot {
  const [served, ...others] = engine.slots();
  if (served === undefined) throw new HttpError(503, "No model is served here yet", { "retry-after": "10" });
  if (others.length === 0) return served;
  const names = [served, ...others].map(({ slot }) => slot).join(", ");
  throw new HttpError(400, `Several models are served here (${names}): say which, as in POST /predict/${served.slot}`);
}

function namesOf(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(", ");
}
