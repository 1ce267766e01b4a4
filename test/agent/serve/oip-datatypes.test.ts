/** Every datatype there and back, by a model that gives back what it gets: in binary whole, in JSON as far as JSON goes. */
import t from "tap";
import { tensorFromValues } from "../../../protocol/tensor-values.ts";
import { ELEMENT_BYTES, type Datatype } from "../../../protocol/tensor.ts";
import { writeEcho } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Two elements of each, at the ends of its range. */
const BYTES: Readonly<Record<Datatype, Uint8Array>> = {
  BOOL: Uint8Array.of(0, 1),
  UINT8: Uint8Array.of(0, 255),
  INT8: bytesOf(Int8Array.of(-128, 127)),
  UINT16: bytesOf(Uint16Array.of(0, 65_535)),
  INT16: bytesOf(Int16Array.of(-32_768, 32_767)),
  UINT32: bytesOf(Uint32Array.of(0, 2 ** 32 - 1)),
  INT32: bytesOf(Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
  UINT64: bytesOf(BigUint64Array.of(0n, 2n ** 64n - 1n)),
  INT64: bytesOf(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)),
  // 0.5 and 65,504, the largest.
  FP16: bytesOf(Uint16Array.of(0x3800, 0x7bff)),
  FP32: bytesOf(Float32Array.of(-0, 3e38)),
  FP64: bytesOf(Float64Array.of(-0, 1e308)),
  BYTES: tensorFromValues({ name: "", datatype: "BYTES", shape: [2] }, ["grüße", ""]).bytes,
};
const DATATYPES = Object.keys(BYTES) as Datatype[];

interface Asked {
  readonly values?: Readonly<Partial<Record<Datatype, readonly unknown[]>>>;
  readonly bytes?: Readonly<Partial<Record<Datatype, Uint8Array>>>;
  readonly jsonOutputs?: readonly Datatype[];
}

/** All inputs in binary, except those that `values` gives; all outputs in binary, except `jsonOutputs`. */
async function ask({ values = {}, bytes = {}, jsonOutputs = [] }: Asked) {
  const binary: Uint8Array[] = [];
  const inputs = DATATYPES.map((datatype) => {
    const head = { name: datatype, datatype, shape: [2] };
    const data = values[datatype];
    if (data !== undefined) return { ...head, data };
    const part = bytes[datatype] ?? BYTES[datatype];
    binary.push(part);
    return { ...head, parameters: { binary_data_size: part.byteLength } };
  });
  const outputs = DATATYPES.map((datatype) => ({
    name: `${datatype}_out`,
    parameters: { binary_data: !jsonOutputs.includes(datatype) },
  }));
  const header = Buffer.from(JSON.stringify({ inputs, outputs }));
  const response = await fetch(`${agent.url}/v2/models/echo/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": String(header.byteLength) },
    body: Buffer.concat([header, ...binary]),
  });
  const body = Buffer.from(await response.arrayBuffer());
  const headerBytes = Number(response.headers.get("inference-header-content-length") ?? body.byteLength);
  const json = JSON.parse(body.subarray(0, headerBytes).toString()) as {
    error?: string;
    outputs?: { name: string; data?: unknown[]; parameters?: { binary_data_size: number } }[];
  };
  let at = headerBytes;
  const answered = new Map<string, unknown[] | Uint8Array>();
  for (const { name, data, parameters } of json.outputs ?? []) {
    const size = parameters?.binary_data_size ?? 0;
    answered.set(name, data ?? Uint8Array.from(body.subarray(at, at + size)));
    at += size;
  }
  return { status: response.status, error: json.error, answered };
}

t.test("with a model that gives back every datatype", async (t) => {
  await agent.serve(await writeEcho(t.testdir()));

  t.test("binary tensors come back byte for byte", async (t) => {
    const { status, error, answered } = await ask({});
    t.equal(status, 200, error ?? "");
    for (const datatype of DATATYPES) t.same(answered.get(`${datatype}_out`), BYTES[datatype], datatype);
  });

  const inJson: Readonly<Partial<Record<Datatype, readonly unknown[]>>> = {
    BOOL: [true, false],
    UINT8: [0, 255],
    INT8: [-128, 127],
    UINT16: [0, 65_535],
    INT16: [-32_768, 32_767],
    UINT32: [0, 2 ** 32 - 1],
    INT32: [-(2 ** 31), 2 ** 31 - 1],
    UINT64: [0, 2 ** 53 - 1],
    INT64: [-(2 ** 53) + 1, 7],
    FP32: [0.5, -2],
    FP64: [0.1, 1e308],
    BYTES: ["grüße", ""],
  };
  t.test("JSON values come back as they went", async (t) => {
    const { status, error, answered } = await ask({ values: inJson, jsonOutputs: Object.keys(inJson) as Datatype[] });
    t.equal(status, 200, error ?? "");
    for (const [datatype, values] of Object.entries(inJson)) t.same(answered.get(`${datatype}_out`), values, datatype);
  });

  const refused: readonly { readonly what: string; readonly asked: Asked; readonly says: RegExp }[] = [
    { what: "FP16 in JSON", asked: { values: { FP16: [1, 2] } }, says: /FP16 has no form in JSON: send it as binary/ },
    { what: "FP16 wanted in JSON", asked: { jsonOutputs: ["FP16"] }, says: /FP16 has no form in JSON: ask for it as/ },
    { what: "an integer beyond 2^53", asked: { values: { INT64: [2 ** 53, 0] } }, says: /beyond 2\^53.* send it as/ },
    { what: "an output beyond 2^53", asked: { jsonOutputs: ["UINT64"] }, says: /beyond 2\^53.* ask for it as binary/ },
    { what: "a fraction for an integer", asked: { values: { INT8: [0.5, 1] } }, says: /0\.5, expected an integer/ },
    { what: "a value out of range", asked: { values: { UINT8: [256, 1] } }, says: /256, expected 0 to 255/ },
    { what: "a number for a truth", asked: { values: { BOOL: [0, 1] } }, says: /0, expected true or false/ },
    {
      what: "a NaN wanted in JSON",
      asked: { bytes: { FP32: bytesOf(Float32Array.of(NaN, 1)) }, jsonOutputs: ["FP32"] },
      says: /element 0 is NaN, which JSON cannot carry: ask for it as binary data/,
    },
    {
      what: "texts that are not UTF-8",
      asked: { bytes: { BYTES: Uint8Array.of(1, 0, 0, 0, 0xff, 0, 0, 0, 0) } },
      says: /not UTF-8 text/,
    },
    {
      what: "texts whose lengths lie",
      asked: { bytes: { BYTES: Uint8Array.of(200, 0, 0, 0, 0x61) } },
      says: /ends in the middle of element 0/,
    },
    { what: "half a number", asked: { bytes: { FP64: new Uint8Array(12) } }, says: /has 12 bytes, expected 16/ },
  ];
  for (const { what, asked, says } of refused) {
    t.test(`${what} is refused in words`, async (t) => {
      const { status, error } = await ask(asked);
      t.equal(status, 400);
      t.match(error, says);
    });
  }

  t.test("tensors without elements are tensors too", async (t) => {
    const inputs = DATATYPES.map((datatype) => ({
      name: datatype,
      datatype,
      shape: [0],
      parameters: { binary_data_size: 0 },
    }));
    const response = await fetch(`${agent.url}/v2/models/echo/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs, outputs: [{ name: "FP32_out" }, { name: "BYTES_out" }] }),
    });
    t.match(await response.json(), {
      outputs: [
        { shape: [0], data: [] },
        { shape: [0], data: [] },
      ],
    });
  });
  t.equal(Object.keys(ELEMENT_BYTES).length + 1, DATATYPES.length, "all of them");
});
