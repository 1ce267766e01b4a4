/** OIP v2 inference requests over HTTP: JSON, and the binary tensor extension. */
import { Type, type Static } from "typebox";
import { TENSORS_MAX } from "../../protocol/limits.ts";
import { CLASSES_MAX } from "../../protocol/messages/predict-request.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import { tensorFromValues } from "../../protocol/tensor-values.ts";
import {
  ELEMENT_BYTES,
  elementCount,
  Shape,
  type Datatype,
  type Tensor,
  type TensorSpec,
} from "../../protocol/tensor.ts";
import { HttpError } from "./http-answer.ts";
import { BODY_BYTES_MAX } from "./read-body.ts";
import { KEY_CHARS_MAX } from "./request-names.ts";

const TensorName = Type.String({ minLength: 1, maxLength: 256 });

/** Where both sides share memory, and nothing travels: an extension of Triton's. */
const SharedMemory = { shared_memory_region: Type.Optional(Type.Unknown()) };

const OipInput = Type.Object({
  name: TensorName,
  datatype: Type.String({ maxLength: 64 }),
  shape: Shape,
  /** Flat or nested; absent where the tensor follows the JSON in binary. */
  data: Type.Optional(Type.Unknown()),
  parameters: Type.Optional(
    Type.Object({
      binary_data_size: Type.Optional(Type.Integer({ minimum: 0, maximum: BODY_BYTES_MAX })),
      ...SharedMemory,
    }),
  ),
});

const OipRequest = Type.Object({
  id: Type.Optional(Type.String({ maxLength: 256 })),
  inputs: Type.Array(OipInput, { minItems: 1, maxItems: TENSORS_MAX }),
  outputs: Type.Optional(
    Type.Array(
      Type.Object({
        name: TensorName,
        parameters: Type.Optional(
          Type.Object({
            binary_data: Type.Optional(Type.Boolean()),
            /** So many of the best classes instead of the numbers: classification extension. */
            classification: Type.Optional(Type.Integer({ minimum: 0, maximum: CLASSES_MAX })),
            ...SharedMemory,
          }),
        ),
      }),
      { maxItems: TENSORS_MAX },
    ),
  ),
  parameters: Type.Optional(
    Type.Object({
      /** For outputs that do not say otherwise themselves. */
      binary_data_output: Type.Optional(Type.Boolean()),
      /** Requests of one key are answered by one version while another soaks beside it. */
      key: Type.Optional(Type.String({ maxLength: KEY_CHARS_MAX })),
      /** Microseconds, as Triton takes it. */
      timeout: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
  ),
});
type OipRequest = Static<typeof OipRequest>;

const check = gate("inference request", OipRequest);

/** Where a large request is wrong apart from its values, the error names the place: the values would hide it. */
function checkRequest(value: unknown): OipRequest {
  try {
    return check(value);
  } catch (error) {
    check(withoutValues(value));
    throw error;
  }
}

function withoutValues(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("inputs" in value) || !Array.isArray(value.inputs)) return value;
  const inputs = value.inputs.map((input: unknown) =>
    typeof input === "object" && input !== null && "data" in input ? { ...input, data: [] } : input,
  );
  return { ...value, inputs };
}

export interface ParsedOipRequest {
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly inputs: readonly Tensor[];
  /** Absent or empty: all of them. */
  readonly outputs: readonly string[] | undefined;
  readonly isBinary: (output: string) => boolean;
  /** How many of its best classes are wanted instead of its numbers; 0: the numbers. */
  readonly classes: (output: string) => number;
  readonly timeoutMs: number | undefined;
}

/**
 * Throws HttpError 400 or a ProtocolError, with the place that is wrong. `headerLength`: Inference-Header-Content-Length;
 * 0 stands for a body that is the model's only input and nothing else.
 */
export function parseOipRequest(
  body: Uint8Array,
  headerLength: string | undefined,
  specs: readonly TensorSpec[],
): ParsedOipRequest {
  if (headerLength === "0") return rawRequest(body, specs);
  const jsonBytes = headerLength === undefined ? body.byteLength : checkedLength(headerLength, body.byteLength);
  const request = parseJson("inference request", body.subarray(0, jsonBytes), BODY_BYTES_MAX, checkRequest);
  refuseSharedMemory(request);
  const binary = new BinaryPart(body.subarray(jsonBytes));
  const inputs = request.inputs.map((input) => tensorOf(input, binary));
  binary.checkEnd();
  const names = request.outputs?.map(({ name }) => name);
  return {
    id: request.id,
    key: request.parameters?.key,
    inputs,
    outputs: names?.length === 0 ? undefined : names,
    isBinary: (output) => isBinary(request, output),
    classes: (output) => request.outputs?.find(({ name }) => name === output)?.parameters?.classification ?? 0,
    timeoutMs: request.parameters?.timeout === undefined ? undefined : request.parameters.timeout / 1_000,
  };
}

/** OIP v2, binary tensor extension, raw request: the answer is binary too. */
function rawRequest(body: Uint8Array, specs: readonly TensorSpec[]): ParsedOipRequest {
  const [spec, ...others] = specs;
  if (spec === undefined || others.length > 0) {
    throw new HttpError(400, "A raw request carries one input, and this model has several: name them in a JSON header");
  }
  const { name, datatype } = spec;
  const inputs = [{ name, datatype, shape: rawShape(spec, body.byteLength), bytes: body }];
  const nothingSaid = { id: undefined, key: undefined, outputs: undefined, timeoutMs: undefined };
  return { ...nothingSaid, inputs, isBinary: () => true, classes: () => 0 };
}

/** The one dimension that may vary follows from the length. */
function rawShape({ name, datatype, shape }: TensorSpec, bytes: number): readonly number[] {
  const open = shape.filter((dimension) => dimension === -1).length;
  if (datatype === "BYTES" || open > 1) {
    throw new HttpError(400, `The shape of input "${name}" does not follow from its length: name it in a JSON header`);
  }
  const known = elementCount(shape.map((dimension) => (dimension === -1 ? 1 : dimension))) * ELEMENT_BYTES[datatype];
  const whole = known === 0 ? 0 : bytes / known;
  if (!Number.isInteger(whole) || (open === 0 && whole !== 1)) {
    throw new HttpError(
      400,
      `The body has ${bytes} bytes; input "${name}" takes ${open === 0 ? "" : "a multiple of "}${known}`,
    );
  }
  return shape.map((dimension) => (dimension === -1 ? whole : dimension));
}

function refuseSharedMemory({ inputs, outputs = [] }: OipRequest): void {
  const sharing = [...inputs, ...outputs].find(({ parameters }) => parameters?.shared_memory_region !== undefined);
  if (sharing === undefined) return;
  throw new HttpError(501, `"${sharing.name}" names shared memory, which is not offered here: send it in the body`);
}

function isDatatype(text: string): text is Datatype {
  return text === "BYTES" || Object.hasOwn(ELEMENT_BYTES, text);
}

function datatypeOf(name: string, text: string): Datatype {
  if (isDatatype(text)) return text;
  const known = `${Object.keys(ELEMENT_BYTES).join(", ")}, BYTES`;
  const why =
    text === "BF16"
      ? "onnxruntime takes from no JavaScript program: send FP32 or FP16 as the model declares"
      : "does not exist";
  throw new HttpError(400, `Input "${name}" is ${text}, which ${why}; the datatypes are ${known}`);
}

function tensorOf({ name, shape, data, parameters, ...input }: Static<typeof OipInput>, binary: BinaryPart): Tensor {
  const datatype = datatypeOf(name, input.datatype);
  const size = parameters?.binary_data_size;
  if (size !== undefined && data !== undefined) {
    throw new HttpError(400, `Input "${name}" has both data and binary_data_size; it must have one of them`);
  }
  if (size !== undefined) return { name, datatype, shape, bytes: binary.take(name, size) };
  if (data === undefined) throw new HttpError(400, `Input "${name}" has neither data nor binary_data_size`);
  return tensorFromValues({ name, datatype, shape }, data);
}

/** What follows the JSON: the tensors in the order of the inputs, without gaps. */
class BinaryPart {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(name: string, size: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    if (part.byteLength < size) {
      throw new HttpError(
        400,
        `The binary data of input "${name}" is cut short: ${part.byteLength} of ${size} bytes came`,
      );
    }
    this.#at += size;
    return part;
  }

  checkEnd(): void {
    const left = this.#bytes.byteLength - this.#at;
    if (left > 0)
      throw new HttpError(400, `${left} bytes follow the last input; no input's binary_data_size covers them`);
  }
}

function checkedLength(headerLength: string, bodyBytes: number): number {
  const length = /^\d+$/.test(headerLength) ? Number(headerLength) : Infinity;
  if (length > bodyBytes) {
    throw new HttpError(400, `Inference-Header-Content-Length is ${headerLength}, but the body has ${bodyBytes} bytes`);
  }
  return length;
}

function isBinary(request: OipRequest, output: string): boolean {
  const wanted = request.outputs?.find(({ name }) => name === output);
  return wanted?.parameters?.binary_data ?? request.parameters?.binary_data_output ?? false;
}
