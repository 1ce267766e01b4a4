import t from "tap";
import { caseDifference, loadGoldenCase } from "../../../common/processing/golden-case.ts";
import { openPictureDecoder } from "../../../common/processing/decode/decode-picture.ts";
import { prepareMedia } from "../../../common/processing/prepare-media.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { floats } from "../../support/model-folders.ts";
import { npy } from "../../support/npy.ts";
import { drawn, png } from "../../support/pictures.ts";

const model: Pick<ModelJson, "inputs" | "preprocessing"> = {
  inputs: [
    { name: "x", datatype: "FP32", shape: [1, 1, 2, 2] },
    { name: "size", datatype: "FP32", shape: [1] },
  ],
  preprocessing: [
    {
      kind: "picture",
      input: "x",
      resize: { mode: "stretch", width: 2, height: 2 },
      colour: "gray",
      layout: "nchw",
    },
    { kind: "constant", input: "size", values: [2] },
  ],
};
const files: Readonly<Record<string, Uint8Array>> = {
  "gray.png": png(drawn(2, 2, () => [7, 7, 7])),
  "gray.npy": npy("|u1", "2, 2", Buffer.alloc(4, 7)),
  "words.txt": Buffer.from("no picture"),
};
const ports = {
  read: async (file: string) => Promise.resolve(files[file] ?? new Uint8Array()),
  prepare: async (...[media, preparing]: [Parameters<typeof prepareMedia>[1], Parameters<typeof prepareMedia>[2]]) => {
    const { decode } = await openPictureDecoder("wasm");
    return prepareMedia(decode, media, preparing);
  },
};

t.test("a picture of a golden case becomes the inputs that a client's would", async (t) => {
  for (const media of ["gray.png", "gray.npy"]) {
    const golden = await loadGoldenCase({ name: media, media, results: { text: "a" } }, model, ports);
    t.same(
      golden.inputs.map(({ name, shape }) => [name, shape]),
      [
        ["x", [1, 1, 2, 2]],
        ["size", [1]],
      ],
      media,
    );
    t.same(new Float32Array(Uint8Array.from(golden.inputs[0]?.bytes ?? []).buffer), Float32Array.of(7, 7, 7, 7));
    t.same(golden.outputs, []);
  }
});

t.test("a file that is no picture is refused by its name", async (t) => {
  const loading = loadGoldenCase({ name: "one", media: "words.txt", results: { text: "a" } }, model, ports);
  await t.rejects(loading, { code: "bad-media", message: /words\.txt is not a JPEG, PNG or WAV file/ });
});

t.test("a case passes where its tensors are met and its meaning is", async (t) => {
  const tolerances = { tolerance: { absolute: 0.1, relative: 0 } };
  const outputs = [{ name: "y", datatype: "FP32" as const, shape: [1], values: [1] }];
  const golden = await loadGoldenCase(
    { name: "one", media: "gray.png", outputs, results: { text: "a" } },
    model,
    ports,
  );
  const difference = (y: number, text: string) =>
    caseDifference(golden, { outputs: [floats("y", [1], [y])], results: { text } }, tolerances);
  t.equal(difference(1.05, "a"), undefined);
  t.match(difference(1.2, "a"), /output "y" differs for golden case "one"/);
  t.match(difference(1, "b"), /golden case "one": the text is "b", expected "a"/);
});
