import t from "tap";
import { readLabels } from "../../../common/processing/bundle-labels.ts";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { openMediaPredictor } from "../../../agent/processing/media-predictor.ts";
import { openLog } from "../../../common/log.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import type { ModelName, StatementDigest } from "../../../protocol/ids.ts";
import { readDigits } from "../../support/digits.ts";
import { runnerPids } from "../../support/engine-bench.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { drawn, jpeg, photograph, png } from "../../support/pictures.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

/** The digits are 8 × 8 dots of 0 to 16: a picture of one is shrunk to that. */
const forPictures = {
  preprocessing: [
    {
      kind: "picture",
      input: "pixels",
      resize: { mode: "stretch", width: 8, height: 8 },
      colour: "gray",
      scale: 16 / 255,
      layout: "flat",
    },
  ],
  postprocessing: [
    { kind: "classes", output: "probabilities", top: { $param: "top" }, threshold: { $param: "least" } },
  ],
  parameters: { top: { default: 3, min: 1, max: 10 }, least: { default: 0, min: 0, max: 1 } },
};

/** With what its `model.json` would say if its publisher had written it so; its digest stands in for the statement's. */
function describedOtherwise(bundle: VerifiedBundle, change: object, statement = bundle.statement): VerifiedBundle {
  const model = parseModelJson(Buffer.from(JSON.stringify({ ...bundle.model, ...change })));
  return { ...bundle, model, statement };
}

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(describedOtherwise(digitsFolder("1.1.0"), forPictures));

async function post(body: Uint8Array | string, headers: Record<string, string> = {}, path = "/predict/digits") {
  const response = await fetch(agent.url + path, {
    method: "POST",
    headers,
    body: Uint8Array.from(Buffer.from(body as Uint8Array)),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** Twenty pixels a dot. */
function pictureOf(pixels: readonly number[]) {
  return drawn(160, 160, (x, y) => {
    const level = ((pixels[Math.floor(y / 20) * 8 + Math.floor(x / 20)] ?? 0) * 255) / 16;
    return [level, level, level];
  });
}

t.test("a picture gets the label that its numbers get, with its score and the times", async (t) => {
  const digits = readDigits().filter(({ name }) => /^digit [0-4], sample [12]$/.test(name));
  let agreed = 0;
  for (const { pixels } of digits) {
    const numbers = (await post(JSON.stringify([pixels]))).json;
    const { status, json } = await post(png(pictureOf(pixels)), { "content-type": "image/png" });
    t.equal(status, 200);
    t.match(json, {
      model: "digits",
      version: "1.1.0",
      top: [{ score: Number }, {}, {}],
      times: { preMs: Number, queueMs: Number, inferMs: Number, postMs: Number },
    });
    t.notOk("outputs" in json, "the result tells of them");
    const best = (answer: Record<string, unknown>) => (answer["top"] as { label: string }[])[0]?.label;
    if (best(json) === best(numbers)) agreed += 1;
  }
  t.equal(agreed, digits.length);
});

t.test("JPEG, without a Content-Type, and NumPy arrays of levels are taken alike", async (t) => {
  const [digit] = readDigits();
  const picture = pictureOf(digit?.pixels ?? []);
  const label = ((await post(png(picture))).json["top"] as { label: string }[])[0]?.label;
  t.match((await post(await jpeg(picture, { quality: 95 }))).json, { top: [{ label }] });
  t.match((await post(npy("|u1", "(160, 160, 3)", picture.data))).json, { top: [{ label }] });
  const gray = picture.data.filter((_, index) => index % 3 === 0);
  t.match((await post(npy("|u1", "(160, 160)", gray), {}, "/predict")).json, { top: [{ label }] });
});

t.test("numbers are answered as before, and interpreted as the model says", async (t) => {
  const [digit, other] = readDigits();
  const { json } = await post(JSON.stringify([digit?.pixels]));
  t.match(json, { outputs: { probabilities: [Array] }, top: [{}, {}, {}] });
  t.equal((json["top"] as unknown[]).length, 3);
  // Two at once: results tell of one.
  const both = (await post(JSON.stringify([digit?.pixels, other?.pixels]))).json;
  t.same(both["top"], []);
});

const wrong = [
  {
    what: "a cut JPEG",
    body: async () => (await jpeg(photograph(100, 80))).subarray(0, 900),
    status: 400,
    why: /JPEG file is damaged/,
  },
  { what: "a GIF", body: () => Buffer.from("GIF89a…"), type: "image/gif", status: 415, why: /no JPEG, PNG or WAV/ },
  { what: "a sound", body: () => Buffer.from("RIFF\0\0\0\0WAVEfmt "), status: 400, why: /neither a JPEG nor a PNG/ },
] as const;
for (const { what, body, status, why, ...more } of wrong) {
  t.test(`${what} is refused with a sentence`, async (t) => {
    const answer = await post(await body(), "type" in more ? { "content-type": more.type } : {});
    t.equal(answer.status, status);
    t.match(answer.json["error"], why);
  });
}

t.test("a model that takes no pictures says what it takes", async (t) => {
  const plain = await openServingAgent();
  t.teardown(() => plain[Symbol.asyncDispose]());
  await plain.serve(digitsFolder("1.1.0"));
  const response = await fetch(`${plain.url}/predict`, { method: "POST", body: png(photograph(9, 9)) });
  t.equal(response.status, 400);
  t.match(await response.json(), { error: /neither pictures nor sounds.*pixels FP32 \[-1, 64\]/ });
});

t.test("what an operator sets is in force from the next answer on, in the same process", async (t) => {
  const set: Record<string, number> = {};
  await using predictor = openMediaPredictor({
    engine: agent.engine,
    parametersOf: () => set,
    log: openLog("test", "silent"),
  });
  const [digit] = readDigits();
  const media = { kind: "file", bytes: png(pictureOf(digit?.pixels ?? [])) } as const;
  const pids = runnerPids();
  const told = async () =>
    (await predictor.predict({ slot: "digits" as ModelName, media, timeoutMs: 20_000 })).results.top?.length;
  t.equal(await told(), 3);
  set["top"] = 7;
  t.equal(await told(), 7);
  set["least"] = 1;
  t.equal(await told(), 0);
  t.same(runnerPids(), pids);
});

t.test("the times of pictures are told to Prometheus", async (t) => {
  const text = await (await fetch(`${agent.url}/metrics`)).text();
  t.match(text, /ferry_agent_preprocessing_seconds_count\{slot="digits",version="1.1.0"\} \d\d/);
  t.match(text, /ferry_agent_postprocessing_seconds_count\{slot="digits",version="1.1.0"\} \d\d/);
});

t.test("pictures are answered by the version for which they were prepared, whenever it is replaced", async (t) => {
  // The second one sees every picture upside down, and says so with its version: a mix of the two would show.
  const [digit] = readDigits();
  const swapped = { ...forPictures, preprocessing: [{ ...forPictures.preprocessing[0], scale: 0 }], version: "2.0.0" };
  const upright = describedOtherwise(digitsFolder("1.1.0"), forPictures);
  const blank = describedOtherwise(digitsFolder("1.1.0"), swapped, "f".repeat(64) as StatementDigest);
  t.same(await readLabels(blank), await readLabels(upright));
  const body = png(pictureOf(digit?.pixels ?? []));
  const expected = new Map<unknown, unknown>();
  expected.set("1.1.0", (await post(body)).json["top"]);
  await agent.serve(blank);
  expected.set("2.0.0", (await post(body)).json["top"]);
  t.notSame(expected.get("1.1.0"), expected.get("2.0.0"));
  const stop = new AbortController();
  const answers: { readonly status: number; readonly json: Record<string, unknown> }[] = [];
  const asking = Promise.all(
    [1, 2, 3, 4].map(async () => {
      while (!stop.signal.aborted) answers.push(await post(body));
    }),
  );
  for (const bundle of [upright, blank, upright, blank, upright]) await agent.serve(bundle);
  stop.abort();
  await asking;
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  t.equal(new Set(answers.map(({ json }) => json["version"])).size, 2, "both have answered");
  for (const { json } of answers) t.same(json["top"], expected.get(json["version"]));
});

/** NumPy's file format, version 1. */
function npy(descr: string, shape: string, bytes: Uint8Array): Buffer {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;
  const head = Buffer.from("\u0093NUMPY\u0001\0\0\0", "latin1");
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header, "latin1"), bytes]);
}
