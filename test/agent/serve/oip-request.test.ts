import t from "tap";
import type { Datatype } from "../../../protocol/tensor.ts";
import { parseOipRequest } from "../../../agent/serve/oip-request.ts";

const x = { name: "x", datatype: "UINT8", shape: [2] };

function parse(header: object, binary: Uint8Array = new Uint8Array()) {
  const json = Buffer.from(JSON.stringify(header));
  return parseOipRequest(Buffer.concat([json, binary]), String(json.byteLength), []);
}

t.test("tensors follow the JSON in the order of the inputs, between those in JSON", async (t) => {
  const inBinary = { ...x, parameters: { binary_data_size: 2 } };
  const inputs = [
    { ...inBinary, name: "a" },
    { ...x, name: "b", data: [5, 6] },
    { ...inBinary, name: "c" },
  ];
  const parsed = parse({ inputs }, Uint8Array.of(1, 2, 3, 4));
  t.same(
    parsed.inputs.map(({ name, bytes }) => [name, ...bytes]),
    [
      ["a", 1, 2],
      ["b", 5, 6],
      ["c", 3, 4],
    ],
  );
});

t.test("each output says for itself whether it comes in binary, or the request says for all", async (t) => {
  const inputs = [{ ...x, data: [1, 2] }];
  const outputs = [{ name: "y", parameters: { binary_data: false } }, { name: "z" }];
  const both = parse({ inputs, outputs, parameters: { binary_data_output: true } });
  t.same([both.isBinary("y"), both.isBinary("z")], [false, true]);
  t.same(both.outputs, ["y", "z"]);
  const neither = parse({ inputs });
  t.equal(neither.isBinary("y"), false);
  t.equal(neither.outputs, undefined);
});

t.test("a timeout comes in microseconds, as Triton's clients send it", async (t) => {
  const inputs = [{ ...x, data: [1, 2] }];
  t.equal(parse({ inputs, parameters: { timeout: 250_000 } }).timeoutMs, 250);
  t.equal(parse({ inputs }).timeoutMs, undefined);
});

t.test("fields that are not known are passed over: the protocol has extensions", async (t) => {
  const parsed = parse({
    inputs: [{ ...x, data: [1, 2], parameters: { other: 1 } }],
    priority: 1,
    parameters: { sequence_id: 7 },
  });
  t.equal(parsed.inputs.length, 1);
});

const raw = (bytes: number, shape: number[], datatype: Datatype = "FP32") =>
  parseOipRequest(new Uint8Array(bytes), "0", [{ name: "x", datatype, shape }]);

t.test(
  "a body that is nothing but the only input takes its shape from its length, and is answered in binary",
  async (t) => {
    const parsed = raw(24, [-1, 3]);
    t.match(parsed.inputs, [{ name: "x", datatype: "FP32", shape: [2, 3] }]);
    t.ok(parsed.isBinary("anything"));
    t.match(raw(12, [3]).inputs, [{ shape: [3] }]);
  },
);

const unfit: readonly [string, () => unknown, RegExp][] = [
  [
    "a length that is no whole number of rows",
    () => raw(20, [-1, 3]),
    /has 20 bytes; input "x" takes a multiple of 12/,
  ],
  ["another length than a fixed shape has", () => raw(20, [3]), /has 20 bytes; input "x" takes 12/],
  ["two dimensions that may vary", () => raw(24, [-1, -1]), /does not follow from its length/],
  ["texts", () => raw(24, [-1], "BYTES"), /does not follow from its length/],
  ["a model with several inputs", () => parseOipRequest(new Uint8Array(4), "0", []), /carries one input/],
];
for (const [what, act, message] of unfit) {
  t.test(`a raw body is refused for ${what}`, async (t) => {
    t.throws(act, { status: 400, message });
  });
}

const refused: readonly [string, object, number, RegExp][] = [
  ["BF16", { datatype: "BF16", data: [1, 2] }, 400, /Input "x" is BF16, which onnxruntime takes from no JavaScript/],
  ["a word that is no datatype", { datatype: "toString", data: [1, 2] }, 400, /is toString, which does not exist/],
  ["shared memory", { parameters: { shared_memory_region: "r" } }, 501, /"x" names shared memory/],
];
for (const [what, changes, status, message] of refused) {
  t.test(`an input is refused in words for ${what}`, async (t) => {
    t.throws(() => parse({ inputs: [{ ...x, ...changes }] }), { status, message });
  });
}

t.test("a large request that is wrong apart from its values is told where", async (t) => {
  const data = Array.from({ length: 10_000 }, () => 1);
  t.throws(() => parse({ inputs: [{ ...x, shape: "[2]", data }] }), { message: /\/inputs\/0\/shape/ });
});
