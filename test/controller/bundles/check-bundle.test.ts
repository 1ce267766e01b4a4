import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openCheckedBundle } from "../../../controller/bundles/check-bundle.ts";
import { copyDigits } from "../../support/bundles.ts";

type Json = Record<string, unknown>;

/** Changes one JSON file of a bundle. */
function edit(directory: string, file: string, change: (value: Json) => unknown): void {
  const path = join(directory, file);
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")) as Json)));
}

const PIXELS = { name: "pixels", datatype: "FP32", shape: [-1, 64] };

/** Changes the first input of the first golden case. */
function withInput(change: Json) {
  return (golden: Json) => {
    const [first] = golden["cases"] as { name: string; inputs: Json[]; outputs: Json[] }[];
    return { ...golden, cases: [{ ...first, inputs: [{ ...first?.inputs[0], ...change }] }] };
  };
}

function withOutput(change: Json) {
  return (golden: Json) => {
    const [first] = golden["cases"] as { name: string; inputs: Json[]; outputs: Json[] }[];
    return { ...golden, cases: [{ ...first, outputs: [{ ...first?.outputs[0], ...change }] }] };
  };
}

t.test("a bundle whose parts fit together opens, with its golden tensors read", async (t) => {
  const { model, cases, session, tolerances } = await openCheckedBundle(copyDigits(join(t.testdir(), "digits")));
  await session.release();
  t.equal(model.name, "digits");
  t.equal(cases[0]?.inputs[0]?.bytes.byteLength, 256);
  t.same(tolerances.tolerance, { absolute: 0.001, relative: 0.01 });
});

t.test("a bundle that no device could use is refused with the place and what to do", async (t) => {
  const cases: readonly { why: string; spoil: (directory: string) => void; message: RegExp }[] = [
    {
      why: "no description",
      spoil: (directory) => {
        rmSync(join(directory, "model.json"));
      },
      message: /has no model\.json/,
    },
    {
      why: "a description that is no JSON",
      spoil: (directory) => {
        writeFileSync(join(directory, "model.json"), "{");
      },
      message: /not JSON/,
    },
    {
      why: "a range that its own golden set leaves",
      spoil: (directory) => {
        edit(directory, "model.json", ({ outputs, ...model }) => {
          const [output] = outputs as Json[];
          return { ...model, outputs: [{ ...output, range: [0, 0.5] }] };
        });
      },
      message: /has values of output "probabilities" outside its range of 0 to 0\.5/,
    },
    {
      why: "a name that no topic can hold",
      spoil: (directory) => {
        edit(directory, "model.json", (model) => ({ ...model, name: "My Model" }));
      },
      message: /\/name/,
    },
    {
      why: "a misspelt field, which must not be ignored",
      spoil: (directory) => {
        edit(directory, "model.json", (model) => ({ ...model, rollbackindex: 3 }));
      },
      message: /rollbackindex is not a field that is known/,
    },
    {
      why: "a model file that is not there",
      spoil: (directory) => {
        rmSync(join(directory, "model.onnx"));
      },
      message: /names model\.onnx, which is not there/,
    },
    {
      why: "no golden set",
      spoil: (directory) => {
        rmSync(join(directory, "golden.json"));
      },
      message: /names golden\.json, which is not there/,
    },
    {
      why: "another input than the model has",
      spoil: (directory) => {
        edit(directory, "model.json", (model) => ({ ...model, inputs: [{ ...PIXELS, shape: [-1, 784] }] }));
      },
      message: /says inputs pixels FP32 \[-1, 784\], but model\.onnx has pixels FP32 \[-1, 64\]/,
    },
    {
      why: "another output than the model has",
      spoil: (directory) => {
        edit(directory, "model.json", (model) => ({ ...model, outputs: [{ ...PIXELS, name: "scores" }] }));
      },
      message: /outputs scores/,
    },
    {
      why: "fewer labels than classes",
      spoil: (directory) => {
        writeFileSync(join(directory, "labels.txt"), "zero\none\n");
      },
      message: /2 labels, but output "probabilities" has 10/,
    },
    {
      why: "labels that are not there",
      spoil: (directory) => {
        rmSync(join(directory, "labels.txt"));
      },
      message: /labels\.txt, which is not there/,
    },
    {
      why: "a golden input that the model lacks",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ name: "image" }));
      },
      message: /"digit 0, sample 1" does not give input "pixels"/,
    },
    {
      why: "a golden input of another shape",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ shape: [64, 1] }));
      },
      message: /pixels FP32 \[64, 1\], the model has pixels FP32 \[-1, 64\]/,
    },
    {
      why: "a golden input with a value too few",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ values: [1, 2, 3] }));
      },
      message: /3 values, expected 64/,
    },
    {
      why: "a golden input with neither values nor a file",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ values: undefined }));
      },
      message: /values or a file/,
    },
    {
      why: "a golden output that the model lacks",
      spoil: (directory) => {
        edit(directory, "golden.json", withOutput({ name: "scores" }));
      },
      message: /output scores .* which the model lacks/,
    },
    {
      why: "a golden tensor in a file that is not there",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ values: undefined, file: "golden/1.bin" }));
      },
      message: /golden\/1\.bin, which is not there/,
    },
    {
      why: "a golden tensor in a file outside of the bundle",
      spoil: (directory) => {
        edit(directory, "golden.json", withInput({ values: undefined, file: "../secret.bin" }));
      },
      message: /\.\.\/secret\.bin, which is not there/,
    },
    {
      why: "a file name that not every device can store",
      spoil: (directory) => {
        writeFileSync(join(directory, "a\\b"), "");
      },
      message: /backslash/,
    },
    {
      why: "names that some file systems take for the same",
      spoil: (directory) => {
        writeFileSync(join(directory, "MODEL.json"), "");
      },
      message: /same name/,
    },
  ];
  for (const [at, { why, spoil, message }] of cases.entries()) {
    const directory = copyDigits(join(t.testdir(), `case-${at}`));
    spoil(directory);
    await t.rejects(openCheckedBundle(directory), { name: "FerryError", code: "bad-bundle", message }, why);
  }
});

t.test("a link in the directory is refused by name", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  symlinkSync("/etc/hostname", join(directory, "notes.txt"));
  await t.rejects(openCheckedBundle(directory), { code: "irregular-file", message: /notes\.txt is a symbolic link/ });
});
