/** A model behind an Open Inference Protocol v2 port, asked over kept-alive connections as a lean client would. */
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import { TensorSpec, type Tensor } from "../../protocol/tensor.ts";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import { tensorsByName } from "../predict/named-inputs.ts";
import type { Ask } from "./load.ts";
import { randomTensor } from "./random-tensor.ts";

/** What `GET /v2/models/{m}` answers: other servers of the protocol add to it. */
const ModelMetadata = Type.Object({ name: Type.String(), inputs: Type.Array(TensorSpecOf()) });
type ModelMetadata = Static<typeof ModelMetadata>;

function TensorSpecOf() {
  return Type.Object(TensorSpec.properties);
}

const checkMetadata = gate("model metadata", ModelMetadata);
const METADATA_BYTES_MAX = 1_048_576;
/** A device that does not answer its own metadata in this time is not there. */
const METADATA_MS_MAX = 5_000;
/** A request that takes longer has failed for whoever waits. */
const ANSWER_MS_MAX = 30_000;

export interface HttpModel extends Disposable {
  readonly ask: Ask;
  /** Bytes of one request's body. */
  readonly requestBytes: number;
}

export interface HttpModelOptions {
  /** The device's port, such as `http://127.0.0.1:8000`. */
  readonly url: URL;
  readonly model: string;
  /** Values by name; without it random ones of the shapes that the model declares. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** Of dimensions that may vary, where no inputs are given. */
  readonly batch: number;
  /** JSON instead of binary tensors. */
  readonly json: boolean;
}

/** Throws FerryError `unreachable`, `not-found` or `bad-input`. */
export async function openHttpModel(options: HttpModelOptions): Promise<HttpModel> {
  const { url, model, inputs, batch, json } = options;
  const path = `/v2/models/${encodeURIComponent(model)}`;
  const metadata = await readMetadata(new URL(path, url), model);
  const tensors =
    inputs === undefined
      ? metadata.inputs.map((spec) => randomTensor(spec, batch))
      : tensorsByName(inputs, metadata.inputs);
  const { headers, body } = json ? jsonRequest(tensors) : binaryRequest(tensors);
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const target = new URL(`${path}/infer`, url);
  return {
    requestBytes: body.byteLength,
    ask: () => askOver(agent, target, { ...headers, "content-length": String(body.byteLength) }, body),
    [Symbol.dispose]: () => {
      agent.destroy();
    },
  };
}

function askOver(
  agent: Agent,
  target: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): ReturnType<Ask> {
  return new Promise((resolve) => {
    const failed = (error: unknown) => {
      resolve({ answered: false, status: systemCodeOf(error) ?? messageOf(error) });
    };
    const sent = httpRequest(target, { method: "POST", agent, headers, timeout: ANSWER_MS_MAX });
    sent.on("error", failed);
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("response", (response: IncomingMessage) => {
      response.on("error", failed);
      response.on("end", () => {
        resolve({ answered: response.statusCode === 200, status: String(response.statusCode) });
      });
      response.resume();
    });
    sent.end(body);
  });
}

async function readMetadata(url: URL, model: string): Promise<ModelMetadata> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(METADATA_MS_MAX) });
  } catch (cause) {
    throw new FerryError("unreachable", `Nothing answers at ${url.origin}: ${reasonOf(cause)}`, {
      hint: "Give the address of the agent's own HTTP port; `ferry-agent status` on the device tells it.",
      exitCode: EXIT.unreachable,
      cause,
    });
  }
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status === 404) {
    throw new FerryError("not-found", `${url.origin} does not serve a model ${JSON.stringify(model)}`, {
      hint: `curl ${url.origin}/ says what it serves.`,
      exitCode: EXIT.notFound,
    });
  }
  return parseJson("model metadata", body, METADATA_BYTES_MAX, checkMetadata);
}

/** `fetch` says only that it failed; why stands in the cause. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return systemCodeOf(cause) ?? messageOf(cause ?? thrown);
}

function binaryRequest(tensors: readonly Tensor[]) {
  const inputs = tensors.map(({ name, datatype, shape, bytes }) => ({
    name,
    datatype,
    shape,
    parameters: { binary_data_size: bytes.byteLength },
  }));
  const header = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  return {
    headers: { "inference-header-content-length": String(header.byteLength) },
    body: Buffer.concat([header, ...tensors.map(({ bytes }) => bytes)]),
  };
}

function jsonRequest(tensors: readonly Tensor[]) {
  const inputs = tensors.map((tensor) => ({
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: valuesFromTensor(tensor),
  }));
  return { headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify({ inputs })) };
}
