import t from "tap";
import type { MediaRequest } from "../../../agent/processing/media-predictor.ts";
import { predictFiles } from "../../../agent/serve/predict-files.ts";
import type { Media } from "../../../common/processing/prepare-media.ts";
import type { ServedSlot } from "../../../agent/inference/inference-engine.ts";
import type { Postprocessing } from "../../../protocol/bundle/postprocessing.ts";
import { floats, pictureDigits } from "../../support/model-folders.ts";

const bundle = pictureDigits();
const file: Media = { kind: "file", bytes: new Uint8Array(1) };

/** What was asked, and what is told of it. */
async function asked(
  files: readonly Media[],
  names: Parameters<typeof predictFiles>[3],
  postprocessing?: Postprocessing,
) {
  const requests: MediaRequest[] = [];
  const model = postprocessing === undefined ? bundle.model : { ...bundle.model, postprocessing };
  const served = { slot: bundle.model.name, bundle: { ...bundle, model } } as ServedSlot;
  const predict = async (request: MediaRequest) => {
    requests.push(request);
    return Promise.resolve({
      response: {} as never,
      outputs: (request.outputs ?? []).map((name) => floats(name, [1, 2], [0.25, 0.75])),
      results: { text: "A" },
      times: { preMs: 0, postMs: 0 },
    });
  };
  return { predictions: await predictFiles({ predict }, served, files, names), requests };
}

t.test("scores of classes are told as numbers, one example's", async (t) => {
  const { predictions, requests } = await asked([file], { id: "q-1" });
  t.same(predictions, [{ results: { text: "A" }, outputs: { probabilities: [0.25, 0.75] }, isNumbers: true }]);
  t.match(requests, [{ id: "q-1", outputs: ["probabilities"] }]);
});

t.test("what is not in the outputs is told by what it means", async (t) => {
  const { predictions } = await asked([file], {}, [{ kind: "text", output: "probabilities", blank: 0 }]);
  t.same(predictions, [{ results: { text: "A" }, outputs: {}, isNumbers: false }]);
});

t.test("files of one request share a key, and no id: nobody knows which of them is meant", async (t) => {
  const { requests } = await asked([file, file], { id: "q-1" });
  const [one, two] = requests;
  t.equal(one?.key, two?.key);
  t.type(one?.key, "string");
  t.same(
    requests.map(({ id }) => id),
    [undefined, undefined],
  );
  t.match((await asked([file, file], { key: "k" })).requests, [{ key: "k" }, { key: "k" }]);
});

t.test("more files than wait together are refused", async (t) => {
  await t.rejects(asked(new Array<Media>(17).fill(file), {}), {
    status: 400,
    message: /17 pictures or sounds; at most 16/,
  });
});
