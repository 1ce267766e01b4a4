import t from "tap";
import { encodeCbor } from "../../../protocol/cbor.ts";
import type { DeviceId, FleetId, ModelName } from "../../../protocol/ids.ts";
import { PREDICT_BYTES_MAX } from "../../../protocol/limits.ts";
import {
  decodePredictRequest,
  encodePredictRequest,
  type PredictRequest,
} from "../../../protocol/messages/predict-request.ts";
import { answerTopic } from "../../../protocol/topics.ts";
import type { CallerId } from "../../../protocol/ids.ts";

const replyTo = answerTopic("oslo" as FleetId, "app" as CallerId, "cam-1" as DeviceId);
const request: PredictRequest = {
  id: "q1",
  replyTo,
  timeoutMs: 1_000,
  model: "digits" as ModelName,
  inputs: [{ name: "x", datatype: "FP32", shape: [2], bytes: new Uint8Array(Float32Array.of(1, -2).buffer) }],
  outputs: ["y"],
};

for (const encoding of ["cbor", "json"] as const) {
  t.test(`a request goes through ${encoding} unchanged`, async (t) => {
    const envelope = decodePredictRequest(encodePredictRequest(request, encoding));
    t.match(envelope, { id: "q1", replyTo, encoding });
    const { inputs, ...rest } = envelope.request();
    t.same({ ...rest, inputs: inputs.map((tensor) => ({ ...tensor, bytes: new Uint8Array(tensor.bytes) })) }, request);
  });
}

t.test("tensors are byte strings in CBOR, and values in JSON", async (t) => {
  t.ok(Buffer.from(encodePredictRequest(request)).includes(Buffer.from(request.inputs[0]?.bytes ?? [])));
  t.match(Buffer.from(encodePredictRequest(request, "json")).toString(), /"data":\[1,-2\]/);
});

t.test("a message to which nobody could be answered is refused", async (t) => {
  const cases: { when: string; bytes: Uint8Array; code: string }[] = [
    { when: "no CBOR", bytes: Uint8Array.of(0xff, 0xff), code: "MALFORMED" },
    { when: "no JSON", bytes: Buffer.from("{"), code: "MALFORMED" },
    { when: "no id", bytes: encodeCbor({ replyTo }), code: "SCHEMA" },
    { when: "no replyTo", bytes: Buffer.from('{"id": "q"}'), code: "SCHEMA" },
    { when: "no object", bytes: encodeCbor(7), code: "SCHEMA" },
    { when: "too large", bytes: new Uint8Array(PREDICT_BYTES_MAX + 1), code: "OVERSIZE" },
  ];
  for (const { when, bytes, code } of cases) t.throws(() => decodePredictRequest(bytes), { code }, when);
});

t.test("a request that is wrong otherwise can still be answered", async (t) => {
  const cases: { when: string; change: object; says: RegExp }[] = [
    { when: "no time", change: { timeoutMs: 0 }, says: /timeoutMs/ },
    { when: "too much time", change: { timeoutMs: 60_001 }, says: /timeoutMs/ },
    { when: "no model name", change: { model: "No Model" }, says: /model/ },
    { when: "no inputs", change: { inputs: [] }, says: /inputs/ },
    {
      when: "values that do not fit",
      change: { inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1] }] },
      says: /tensor "x": data has 1 values, expected 2/,
    },
  ];
  for (const { when, change, says } of cases) {
    const message = {
      id: "q",
      replyTo,
      timeoutMs: 1,
      model: "digits",
      inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }],
      ...change,
    };
    const envelope = decodePredictRequest(encodeCbor(message));
    t.equal(envelope.id, "q");
    t.throws(() => envelope.request(), { code: "SCHEMA", message: says }, when);
  }
});
