import { writeFileSync } from "node:fs";
import t, { type Test } from "tap";
import { openGoldenCases } from "../../../../agent/inference/qualify/golden-cases.ts";
import { digitsFolder } from "../../../support/model-folders.ts";

const { model, statement } = digitsFolder("1.0.0");
const x = { name: "x", datatype: "FP32", shape: [1] };

/** A folder whose golden set has one case with this input. */
function folderWith(t: Test, input: object, files: Readonly<Record<string, string | Uint8Array>> = {}) {
  const directory = t.testdir();
  const golden = {
    formatVersion: 1,
    tolerance: { absolute: 0, relative: 0 },
    cases: [{ name: "first", inputs: [input], outputs: [{ ...x, values: [1] }] }],
  };
  for (const [name, content] of Object.entries({ "golden.json": JSON.stringify(golden), ...files })) {
    writeFileSync(`${directory}/${name}`, content);
  }
  return { directory, statement, model };
}

t.test("cases come with their tensors, from values and from files, and begin anew after the last", async (t) => {
  const fromFile = folderWith(t, { ...x, file: "x.bin" }, { "x.bin": new Uint8Array(Float32Array.of(7).buffer) });
  const golden = await openGoldenCases(fromFile);
  t.equal(golden.count, 1);
  const { name, inputs } = await golden.at(5);
  t.equal(name, "first");
  t.same(new Float32Array(new Uint8Array(inputs[0]?.bytes ?? []).buffer), Float32Array.of(7));
  t.equal((await openGoldenCases(digitsFolder("1.0.0"))).count, 20);
});

const broken = [
  { when: "a file is missing", input: { ...x, file: "x.bin" }, says: /golden.json, case "first": ENOENT/ },
  {
    when: "a file has another size",
    input: { ...x, file: "golden.json" },
    says: /case "first": tensor "x": has \d+ bytes, expected 4/,
  },
  {
    when: "a file lies outside the bundle",
    input: { ...x, file: "../x.bin" },
    says: /has an empty, `.` or `..` segment/,
  },
  { when: "values are missing", input: x, says: /tensor "x" must have values or a file/ },
  { when: "a field is unknown", input: { ...x, values: [1], more: 1 }, says: /golden.json: golden set/ },
];
for (const { when, input, says } of broken) {
  t.test(`a golden set is refused as malformed where ${when}`, async (t) => {
    const reading = async () => (await openGoldenCases(folderWith(t, input))).at(0);
    await t.rejects(reading(), { code: "bundle-malformed", message: says });
  });
}

t.test("a bundle without its golden set is refused as malformed", async (t) => {
  await t.rejects(openGoldenCases({ directory: t.testdir(), statement, model }), {
    code: "bundle-malformed",
    message: /ENOENT/,
  });
});
