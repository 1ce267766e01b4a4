/** Predictions over MQTT and over HTTP: requests of applications, answers of devices. */
import { Readable } from "node:stream";
import type { IncomingMessage } from "node:http";
import { deflateSync, gzipSync } from "node:zlib";
import { HttpError } from "../../../agent/serve/http-answer.ts";
import { parseOipRequest } from "../../../agent/serve/oip-request.ts";
import { BODY_BYTES_MAX, BodyReader } from "../../../agent/serve/read-body.ts";
import { tensorsByName } from "../../../controller/predict/named-inputs.ts";
import { FerryError } from "../../../common/ferry-error.ts";
import { encodeCbor } from "../../../protocol/cbor.ts";
import { PredictReassembly } from "../../../protocol/messages/predict-fragment.ts";
import { decodePredictRequest } from "../../../protocol/messages/predict-request.ts";
import { decodePredictResponse } from "../../../protocol/messages/predict-response.ts";
import { elementsIn } from "../../../protocol/tensor-elements.ts";
import { nestValues, valuesFromTensor } from "../../../protocol/tensor-values.ts";
import type { Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { isProtocolError, json, wireFiles } from "../seed-files.ts";

const isHttpRefusal = (thrown: unknown) => thrown instanceof HttpError || isProtocolError(thrown);

/** What the model is said to take: a body may stand for its only input. */
const SPECS: readonly TensorSpec[] = [{ name: "pixels", datatype: "FP32", shape: [-1, 2] }];

export const PREDICTION_TARGETS: readonly FuzzTarget[] = [
  {
    name: "predict-request",
    grammar: "cbor",
    seeds: () => wireFiles(/^predict-request\.cbor/),
    decode: decodeRequest,
    isRefusal: isProtocolError,
  },
  {
    name: "predict-request-json",
    grammar: "json",
    seeds: () => [
      ...wireFiles(/^predict-request\.json/),
      json(
        requestWith(
          "INT64",
          [2, 2],
          [
            [1, 2],
            [3, 4],
          ],
        ),
      ),
    ],
    decode: decodeRequest,
    isRefusal: isProtocolError,
  },
  {
    name: "predict-response",
    grammar: "cbor",
    seeds: () => wireFiles(/^predict-(response|refusal)\.cbor/),
    decode: decodeResponse,
    isRefusal: isProtocolError,
  },
  {
    name: "predict-response-json",
    grammar: "json",
    seeds: () => wireFiles(/^predict-response\.json/),
    decode: decodeResponse,
    isRefusal: isProtocolError,
  },
  {
    name: "predict-fragment",
    grammar: "cbor",
    // A list of publishes: what one device or caller sends one after another.
    seeds: () => [
      encodeCbor([0, 1].map((part) => encodeCbor({ id: "r", part, parts: 2, fragment: Buffer.from("half") }))),
    ],
    decode: (input) => {
      const reassembly = new PredictReassembly();
      for (const [at, publish] of publishesIn(input).entries()) reassembly.accept("topic", publish, at);
    },
    isRefusal: isProtocolError,
  },
  {
    name: "oip-request",
    grammar: "json",
    seeds: () => [
      json({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }], parameters: { timeout: 1_000 } }),
      json({
        id: "a",
        inputs: [{ name: "x", datatype: "BYTES", shape: [1], data: ["text"] }],
        outputs: [{ name: "y" }],
      }),
    ],
    decode: (input) => {
      useTensors(parseOipRequest(input, undefined, SPECS).inputs);
    },
    isRefusal: isHttpRefusal,
  },
  {
    name: "oip-binary",
    grammar: "bytes",
    seeds: () => [
      binaryBody("FP16", [2], 4),
      binaryBody("BYTES", [1], 8),
      binaryBody("INT64", [0, 2], 0),
      Buffer.from("0\n12345678"),
    ],
    decode: (input) => {
      // The header's value stands in the first line.
      const end = input.indexOf(0x0a);
      const header = Buffer.from(input.subarray(0, Math.max(0, end))).toString();
      useTensors(parseOipRequest(input.subarray(end + 1), header, SPECS).inputs);
    },
    isRefusal: isHttpRefusal,
  },
  {
    name: "http-body",
    grammar: "bytes",
    cost: 40,
    // A compressed body may grow to the largest that is taken at all; then it is given up.
    allocatesBytes: 3 * BODY_BYTES_MAX,
    seeds: () => [gzipSync("{}"), deflateSync("{}"), gzipSync(Buffer.alloc(4 * 1024 ** 2)), Buffer.from("{}")],
    decode: async (input) => {
      const bodies = new BodyReader();
      for (const encoding of ["gzip", "deflate"]) {
        using body = bodies.of(requestOf(input, encoding));
        await body.read().catch((thrown: unknown) => {
          if (!(thrown instanceof HttpError)) throw thrown;
        });
      }
    },
    isRefusal: (thrown) => thrown instanceof HttpError,
  },
  {
    name: "named-inputs",
    grammar: "json",
    seeds: () => [
      json({
        pixels: [
          [1, 2],
          [3, 4],
        ],
      }),
      json({ pixels: 1 }),
    ],
    decode: (input) => {
      const values = JSON.parse(Buffer.from(input).toString()) as Readonly<Record<string, unknown>>;
      tensorsByName(Object(values) as typeof values, SPECS);
    },
    isRefusal: (thrown) => thrown instanceof FerryError || thrown instanceof SyntaxError || isProtocolError(thrown),
  },
];

function decodeRequest(input: Uint8Array): void {
  useTensors(decodePredictRequest(input).request().inputs);
}

function decodeResponse(input: Uint8Array): void {
  const response = decodePredictResponse(input);
  if (response.kind === "outputs") useTensors(response.outputs);
}

/** All that is done with tensors of others before a model, or a person, sees them. */
function useTensors(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) {
    elementsIn(tensor);
    nestValues(valuesFromTensor(tensor), tensor.shape);
  }
}

function requestWith(datatype: string, shape: readonly number[], data: unknown): object {
  const inputs = [{ name: "x", datatype, shape, data }];
  return { id: "r", replyTo: "answer", timeoutMs: 1_000, model: "digits", inputs };
}

function binaryBody(datatype: string, shape: readonly number[], sizeBytes: number): Uint8Array {
  const header = json({ inputs: [{ name: "x", datatype, shape, parameters: { binary_data_size: sizeBytes } }] });
  return Buffer.concat([Buffer.from(`${String(header.byteLength)}\n`), header, Buffer.alloc(sizeBytes)]);
}

/** Frames of the reassembly's own protocol: an outer list that the mutations understand too. */
function publishesIn(input: Uint8Array): Uint8Array[] {
  const publishes: Uint8Array[] = [];
  // 0x58 and 0x59 head byte strings of up to 64 kB; anything else is one publish to its end.
  const bytes = Buffer.from(input);
  for (let at = 1; at < bytes.byteLength && publishes.length < 300;) {
    const head = bytes[at] ?? 0;
    const [skip, length] =
      head === 0x58 ? [2, bytes[at + 1] ?? 0] : [3, head === 0x59 ? bytes.readUInt16BE(at + 1) : 65_536];
    publishes.push(bytes.subarray(at + skip, at + skip + length));
    at += skip + length;
  }
  return publishes;
}

/** What the body's reader uses of a request: its pieces and its headers. */
function requestOf(body: Uint8Array, encoding: string): IncomingMessage {
  const headers = { "content-encoding": encoding, "content-length": String(body.byteLength) };
  return Object.assign(Readable.from([Buffer.from(body)]), { headers }) as unknown as IncomingMessage;
}
