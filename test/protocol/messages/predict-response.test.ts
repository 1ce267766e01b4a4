import t from "tap";
import { encodeCbor } from "../../../protocol/cbor.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import {
  decodePredictResponse,
  encodePredictResponse,
  type PredictResponse,
} from "../../../protocol/messages/predict-response.ts";

const outputs: PredictResponse = {
  kind: "outputs",
  id: "q1",
  model: "digits" as ModelName,
  version: "1.1.0" as ModelVersion,
  outputs: [{ name: "y", datatype: "INT64", shape: [1], bytes: new Uint8Array(BigInt64Array.of(7n).buffer) }],
};
const judged: PredictResponse = {
  kind: "feedback",
  id: "f1",
  model: "digits" as ModelName,
  feedback: { joined: 1, duplicate: 0, unknown: 1, unfit: 0, problems: [{ id: "r-9", why: "nobody knows it" }] },
};
const error: PredictResponse = { kind: "error", id: "q1", error: "no such model", status: 404 };

for (const encoding of ["cbor", "json"] as const) {
  t.test(`outputs, errors and what became of feedback go through ${encoding} unchanged`, async (t) => {
    const back = decodePredictResponse(encodePredictResponse(outputs, encoding));
    if (back.kind !== "outputs") throw new Error("something else came back");
    t.same(
      { ...back, outputs: back.outputs.map((tensor) => ({ ...tensor, bytes: new Uint8Array(tensor.bytes) })) },
      outputs,
    );
    t.same(decodePredictResponse(encodePredictResponse(error, encoding)), error);
    t.same(decodePredictResponse(encodePredictResponse(judged, encoding)), judged);
  });
}

t.test("the fields have the names of the Open Inference Protocol", async (t) => {
  const json: unknown = JSON.parse(Buffer.from(encodePredictResponse(outputs, "json")).toString());
  t.same(json, {
    id: "q1",
    model_name: "digits",
    model_version: "1.1.0",
    outputs: [{ name: "y", datatype: "INT64", shape: [1], data: [7] }],
  });
});

t.test("outputs that JSON cannot carry are refused in JSON only", async (t) => {
  const nan = {
    ...outputs,
    outputs: [{ name: "y", datatype: "FP32" as const, shape: [1], bytes: new Uint8Array(Float32Array.of(NaN).buffer) }],
  };
  t.throws(() => encodePredictResponse(nan, "json"), { message: /element 0 is NaN, which JSON cannot carry/ });
  t.doesNotThrow(() => encodePredictResponse(nan, "cbor"));
});

t.test("a response that is neither outputs nor an error is refused", async (t) => {
  t.throws(() => decodePredictResponse(encodeCbor({ id: "q1" })), { code: "SCHEMA" });
  t.throws(() => decodePredictResponse(encodeCbor({ id: "q1", error: "x", status: 200 })), { code: "SCHEMA" });
});
