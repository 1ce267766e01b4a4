/** MLflow's scoring server (version 2 of its protocol), for clients that were written for it. */
import { Type, type Static } from "typebox";
import { gate, parseJson } from "../../../protocol/schema.ts";
import type { Media } from "../../../common/processing/prepare-media.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import type { ServedSlot } from "../../inference/inference-engine.ts";
import { AGENT_VERSION } from "../../version.ts";
import { askModel, onlySlot, type ModelAnswer } from "../ask-model.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler } from "../http-answer.ts";
import { inputOf, inputsByName } from "../model-inputs.ts";
import { predictFiles, type FilePrediction } from "../predict-files.ts";
import type { PredictPorts } from "../predict-routes.ts";
import { BODY_BYTES_MAX } from "../read-body.ts";
import { requestNames } from "../request-names.ts";
import { filesOf, inputsOf } from "./tensorflow-serving-routes.ts";

const Row = Type.Array(Type.Unknown());

const Invocation = Type.Object({
  dataframe_split: Type.Optional(
    Type.Object({ columns: Type.Optional(Type.Array(Type.String())), data: Type.Array(Row, { minItems: 1 }) }),
  ),
  dataframe_records: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1 })),
  instances: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1 })),
  inputs: Type.Optional(Type.Unknown()),
});
type Invocation = Static<typeof Invocation>;

const check = gate("invocation", Invocation);

/** A table: named columns, and rows as long as there are columns. */
interface Frame {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

export function mlflowRoutes({ engine, predictor }: PredictPorts): [string, HttpHandler][] {
  return [
    [
      "POST /invocations",
      async ({ headers, body }) => {
        const served = onlySlot(engine, (name) => `POST /v2/models/${name}/infer`);
        const { slot, bundle } = served;
        const bytes = await body();
        const isCsv = headers["content-type"]?.startsWith("text/csv") === true;
        const invocation = isCsv ? undefined : parseJson("invocation", bytes, BODY_BYTES_MAX, check);
        const frame = invocation === undefined ? frameOfCsv(Buffer.from(bytes).toString()) : frameOf(invocation);
        const files = filesIn(invocation, frame, bundle.model);
        if (files !== undefined) {
          const predictions = await predictFiles(predictor, served, files, requestNames(headers));
          return jsonAnswer({ predictions: predictions.map(row) });
        }
        const { inputs: specs } = bundle.model;
        const inputs = frame === undefined ? inputsOf(invocation ?? {}, specs) : inputsOfFrame(frame, specs);
        const answer = await askModel(engine, slot, inputs, requestNames(headers));
        return jsonAnswer({ predictions: frame === undefined ? answer.outputs : records(answer, frame.rows.length) });
      },
    ],
    ["GET /health", () => health(engine.slots())],
    ["GET /version", () => ({ status: 200, headers: { "content-type": "text/plain" }, body: AGENT_VERSION })],
  ];
}

/** A column of base64 texts, as MLflow's signatures of `binary` take it, or `instances` and `inputs` of them. */
function filesIn(
  invocation: Invocation | undefined,
  frame: Frame | undefined,
  model: ModelJson,
): readonly Media[] | undefined {
  if (frame === undefined) return filesOf(invocation ?? {}, model);
  return filesOf({ instances: frame.rows.map((cells) => (cells.length === 1 ? cells[0] : cells)) }, model);
}

/** A record for each picture or sound. */
function row({ outputs, results, isNumbers }: FilePrediction): object {
  return isNumbers ? outputs : { ...results, ...outputs };
}

/** MLflow's server answers a line break; as `/ping` does, which TorchServe has as well. */
function health(slots: readonly ServedSlot[]): HttpAnswer {
  const status = slots.every(({ ready }) => ready) ? 200 : 503;
  return { status, headers: { "content-type": "text/plain" }, body: "\n" };
}

function frameOf({ dataframe_split, dataframe_records, instances, inputs }: Invocation): Frame | undefined {
  const forms = [dataframe_split, dataframe_records, instances, inputs].filter((form) => form !== undefined);
  if (forms.length !== 1) {
    throw new HttpError(
      400,
      'An invocation has one of "dataframe_split", "dataframe_records", "instances" and "inputs"',
    );
  }
  if (dataframe_split !== undefined) {
    const { data } = dataframe_split;
    return { columns: dataframe_split.columns ?? (data[0] ?? []).map((_, at) => String(at)), rows: data };
  }
  if (dataframe_records === undefined) return undefined;
  const columns = Object.keys(dataframe_records[0] ?? {});
  return { columns, rows: dataframe_records.map((record) => columns.map((column) => record[column])) };
}

/** A first line with the names of the columns, then numbers. */
function frameOfCsv(text: string): Frame {
  const [head = "", ...lines] = text.trim().split(/\r?\n/);
  if (lines.length === 0) throw new HttpError(400, "The CSV has no row after the line of column names");
  if (text.includes('"')) throw new HttpError(400, "Quoted CSV is not read here: send dataframe_split as JSON");
  const rows = lines.map((line, at) =>
    line.split(",").map((cell) => {
      const value = Number(cell);
      if (cell.trim() !== "" && Number.isFinite(value)) return value;
      throw new HttpError(400, `Row ${at + 1} of the CSV has ${JSON.stringify(cell)} where a number belongs`);
    }),
  );
  return { columns: head.split(","), rows };
}

/** All columns are the one input's last dimension; of a model with several inputs each column is the input of its name. */
function inputsOfFrame({ columns, rows }: Frame, specs: readonly TensorSpec[]): Tensor[] {
  for (const [at, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw new HttpError(400, `Row ${at} has ${row.length} values for ${columns.length} columns`);
    }
  }
  const [only, ...others] = specs;
  if (only !== undefined && others.length === 0) return [inputOf(only, rows)];
  const byName = columns.map((column, at) => {
    const isColumnVector = specs.find(({ name }) => name === column)?.shape.length === 2;
    return [column, rows.map((row) => (isColumnVector && !Array.isArray(row[at]) ? [row[at]] : row[at]))] as const;
  });
  return inputsByName(specs, Object.fromEntries(byName));
}

/** A row of outputs for each row of inputs; whole outputs where the model does not answer row by row. */
function records({ outputs }: ModelAnswer, count: number): unknown {
  const entries = Object.entries(outputs);
  const isByRow = entries.every(([, values]) => Array.isArray(values) && values.length === count);
  if (!isByRow) return outputs;
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(
      entries.map(([name, values]) => [name, Array.isArray(values) ? (values[at] as unknown) : values]),
    ),
  );
}
