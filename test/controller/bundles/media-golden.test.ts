/** From a picture or a sound on the command line to a golden set that holds it, on models of other people. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { initBundle } from "../../../controller/bundles/init-bundle.ts";
import { optimizeBundle } from "../../../controller/bundles/optimize/optimize-bundle.ts";
import { testBundle } from "../../../controller/bundles/test-bundle.ts";
import { png } from "../../support/pictures.ts";
import { textPicture } from "../../support/pixel-text.ts";
import { OCR_ANGLE, SILERO_V5, writeModelFolder } from "../../support/real-models.ts";
import { utterance, wav } from "../../support/sounds.ts";

const differences = async (folder: string) => {
  const { cases } = await testBundle(await openBundleSource(folder));
  return cases.map(({ difference }) => difference);
};
const change = (file: string, edit: (text: string) => string) => {
  writeFileSync(file, edit(readFileSync(file, "utf8")));
};

t.test("pictures make a golden set of what is seen in them, and a model that sees otherwise fails it", async (t) => {
  const { bundle } = writeModelFolder(join(t.testdir(), "ocr"), OCR_ANGLE);
  writeFileSync(join(bundle, "labels.txt"), "upright\nupside down\n");
  const picture = textPicture(64, 16, 3, [{ text: "HELLOWORLD", left: 2, top: 4 }]);
  const outside = join(t.testdirName, "hello.png");
  const inside = join(bundle, "turned.png");
  writeFileSync(outside, png(picture));
  writeFileSync(inside, png({ ...picture, data: Uint8Array.from(picture.data).reverse() }));
  const options = { version: "1.0.0", media: [outside, inside] };
  const { model, media, synthetic, cases } = await initBundle(bundle, { ...options, force: false });
  t.match(model, { preprocessing: [{ kind: "picture", input: "x" }], postprocessing: [{ kind: "classes" }] });
  t.match(media, [
    { media: "golden/hello.png", results: { top: [{ label: "upright" }] } },
    { media: "turned.png", results: { top: [{ label: "upside down" }] } },
  ]);
  t.same([synthetic, cases], [false, 2]);
  t.same(await differences(bundle), [undefined, undefined]);

  change(join(bundle, "model.json"), (text) => text.replace('"rgb"', '"bgr"'));
  const again = await initBundle(bundle, { ...options, force: true });
  t.match(again.model, { preprocessing: [{ colour: "bgr" }] }, "what a person wrote is kept");

  const output = join(t.testdirName, "small");
  const report = await optimizeBundle(bundle, { output, int8: ["weights"], force: false });
  t.match(report.figures, [{ passedCases: 2 }, { passedCases: 2 }], "8-bit weights see the same");

  change(join(bundle, "golden.json"), (text) => text.replace('"upright"', '"sideways"'));
  t.match(await differences(bundle), [/golden case "hello\.png": the best class is "upright"/, undefined]);

  await initBundle(bundle, { version: "1.0.0", force: true });
  t.ok(existsSync(inside), "a picture that somebody put into the bundle stays");
  t.notOk(existsSync(join(bundle, "golden", "hello.png")), "our copy goes with its golden set");
});

t.test("a sound makes one of when somebody speaks", async (t) => {
  const { bundle } = writeModelFolder(join(t.testdir(), "vad"), SILERO_V5);
  const quiet = new Float32Array(16_000);
  const sound = join(t.testdirName, "speech.wav");
  writeFileSync(sound, wav([...quiet, ...utterance(2, 16_000), ...quiet]));
  await initBundle(bundle, { version: "5.0.0", media: [sound], force: false });
  t.same(await differences(bundle), [undefined], "without postprocessing the last outputs are what is expected");
  change(join(bundle, "model.json"), (text) => {
    const described = JSON.parse(text) as object;
    const segments = { kind: "segments", output: "output", threshold: 0.5, silenceMs: 300 };
    return JSON.stringify({ ...described, postprocessing: [segments] });
  });
  const { media } = await initBundle(bundle, { version: "5.0.0", media: [sound], force: true });
  t.match(media, [{ results: { segments: [{ fromMs: Number, toMs: Number }] } }]);
  t.same(await differences(bundle), [undefined]);
});

t.test("what fits no input is refused with what to do", async (t) => {
  const { bundle } = writeModelFolder(join(t.testdir(), "ocr"), OCR_ANGLE);
  const file = (name: string, bytes: Uint8Array) => {
    mkdirSync(join(t.testdirName, "media"), { recursive: true });
    writeFileSync(join(t.testdirName, "media", name), bytes);
    return join(t.testdirName, "media", name);
  };
  const cases: readonly [string, string, RegExp][] = [
    ["a file that is not there", join(t.testdirName, "nothing.png"), /There is no file .*nothing\.png/],
    ["a text", file("cat.txt", Buffer.from("a cat")), /Cannot use cat\.txt: .* is not a JPEG, PNG or WAV file/],
    ["a damaged picture", file("cat.png", png(textPicture(8, 8, 1, [])).subarray(0, 50)), /Cannot use cat\.png/],
    ["a sound", file("cat.wav", wav([0, 0, 0])), /No input of the model looks like a sound .*: x FP32/],
    [
      "a damaged sound",
      file("dog.wav", wav([0, 0, 0]).subarray(0, 30)),
      /Cannot use dog\.wav: The WAV file is damaged/,
    ],
  ];
  for (const [what, path, message] of cases) {
    await t.rejects(initBundle(bundle, { version: "1.0.0", media: [path], force: false }), { message }, what);
  }
});
