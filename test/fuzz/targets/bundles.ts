/** What comes in a bundle: its archive, its description, its golden set, its model. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extractArchive } from "../../../agent/store/extract-archive.ts";
import { FerryError } from "../../../common/ferry-error.ts";
import { openOnnxSession } from "../../../common/onnx-session.ts";
import { readArchive } from "../../../controller/bundles/read-archive.ts";
import { resultsDifference } from "../../../protocol/bundle/golden-results.ts";
import { isMediaCase, parseGoldenSet } from "../../../protocol/bundle/golden.ts";
import { tensorOfGolden } from "../../../protocol/bundle/golden-compare.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import type { PredictionResults } from "../../../protocol/prediction-results.ts";
import { BundleRefused } from "../../../protocol/trust/model-signing.ts";
import { inPieces, tarOf } from "../../support/bundles.ts";
import { tinyOnnx } from "../../support/tiny-onnx.ts";
import { BrokenClaim, type FuzzTarget } from "../fuzz-target.ts";
import { isProtocolError, json } from "../seed-files.ts";

const FOUND = {
  top: [{ label: "cat", index: 0, score: 0.9 }],
  boxes: [{ score: 0.5, box: [0, 0, 9, 9] }],
  text: "cat",
} satisfies PredictionResults;
const DIGITS = new URL("../../../examples/digits/v1.0.0/", import.meta.url);
const digits = (file: string) => readFileSync(new URL(file, DIGITS));

export const BUNDLE_TARGETS: readonly FuzzTarget[] = [
  {
    name: "model-json",
    grammar: "json",
    seeds: () => [digits("model.json")],
    decode: parseModelJson,
    isRefusal: isProtocolError,
  },
  {
    name: "golden-set",
    grammar: "json",
    seeds: () => [
      json({
        formatVersion: 1,
        tolerance: { absolute: 0, relative: 0.1 },
        cases: [
          {
            name: "one",
            inputs: [{ name: "x", datatype: "FP32", shape: [2], values: [1, 2] }],
            outputs: [{ name: "y", datatype: "BYTES", shape: [1], file: "y.bin" }],
          },
          { name: "two", media: "two.png", results: { top: [{ label: "cat", score: 0.9 }], boxes: [] } },
        ],
      }),
    ],
    decode: (input) => {
      for (const golden of parseGoldenSet(input).cases) {
        const tensors = isMediaCase(golden) ? (golden.outputs ?? []) : [...golden.inputs, ...golden.outputs];
        for (const tensor of tensors) tensorOfGolden(tensor, () => Buffer.from([1, 0, 0, 0, 65]));
        if (isMediaCase(golden)) resultsDifference(golden.name, golden.results ?? {}, FOUND);
      }
    },
    isRefusal: isProtocolError,
  },
  {
    name: "archive",
    grammar: "bytes",
    cost: 100,
    seeds: archives,
    words: ["../", "/", "model.onnx", "ustar", "\u0000", "2", "1", "PaxHeader", "path=../x\n", "0000777\u0000"],
    decode: readBothWays,
    isRefusal: (thrown) => thrown instanceof BundleRefused,
  },
  {
    name: "onnx",
    grammar: "bytes",
    cost: 400,
    allocatesBytes: 64 * 1024 ** 2,
    seeds: () => [
      tinyOnnx({
        inputs: [{ name: "x", type: "FP32", shape: [1, "n"] }],
        outputs: [{ name: "y", type: "FP32", shape: [1, "n"] }],
        nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
      }),
      digits("model.onnx"),
    ],
    decode: async (input) => {
      const folder = mkdtempSync(join(tmpdir(), "modelferry-fuzz-onnx-"));
      try {
        writeFileSync(join(folder, "model.onnx"), input);
        const session = await openOnnxSession(join(folder, "model.onnx"));
        await session.release();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    isRefusal: (thrown) => thrown instanceof FerryError,
  },
];

async function archives(): Promise<readonly Uint8Array[]> {
  const plain = { name: "model.json", content: "{}" };
  return [
    await tarOf(plain, { name: "weights/model.onnx", content: "bytes" }, { name: ".oms/a.sig", content: "{}" }),
    await tarOf(plain, { name: "link", type: "symlink", linkname: "../outside" }),
    await tarOf({ name: `${"deep/".repeat(30)}file`, content: "x".repeat(600) }),
  ];
}

/** Unpacked as a device does, and read as the controller does: the two must agree on what an archive holds. */
async function readBothWays(input: Uint8Array): Promise<void> {
  const sandbox = mkdtempSync(join(tmpdir(), "modelferry-fuzz-tar-"));
  try {
    const [archive, inside] = [join(sandbox, "archive.tar"), join(sandbox, "inside")];
    writeFileSync(archive, input);
    mkdirSync(inside);
    const unpacked = await extractArchive(archive, inside, new AbortController().signal).then(
      () => readdirSync(inside, { recursive: true, withFileTypes: true }),
      refusedOrThrow,
    );
    if (readdirSync(sandbox).length !== 2) throw new BrokenClaim("writes outside its folder");
    if (unpacked?.some((entry) => !entry.isFile() && !entry.isDirectory())) throw new BrokenClaim("makes a link");
    const read = await readArchive(inPieces(input)).catch(refusedOrThrow);
    if (unpacked === undefined || read === undefined) return;
    const names = new Set([...read.files.keys(), ...read.signatureFiles.keys()]);
    if (unpacked.filter((entry) => entry.isFile()).length !== names.size) {
      throw new BrokenClaim("holds other files for the device than for the controller");
    }
  } finally {
    rmSync(sandbox, { recursive: true, force: true });
  }
}

function refusedOrThrow(thrown: unknown): undefined {
  if (!(thrown instanceof BundleRefused)) throw thrown;
}
