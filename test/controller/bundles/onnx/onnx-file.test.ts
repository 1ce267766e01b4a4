import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { externalFiles, opsetOf, readingOnnx, readOnnxFile } from "../../../../controller/bundles/onnx/onnx-file.ts";
import { bytesField, fieldsOf, intField } from "../../../../controller/bundles/onnx/protobuf.ts";
import { OCR_ANGLE, SILERO_V5 } from "../../../support/real-models.ts";
import { tinyOnnx } from "../../../support/tiny-onnx.ts";

const modules = new URL("../../../../node_modules/", import.meta.url).pathname;

t.test("the version of the standard operators is read from models of others", async (t) => {
  t.equal(opsetOf(fieldsOf(await readOnnxFile(join(modules, OCR_ANGLE.file)))), 9);
  t.equal(opsetOf(fieldsOf(await readOnnxFile(join(modules, SILERO_V5.file)))), 16);
});

t.test("files with weights are found, also in graphs within graphs", async (t) => {
  const tiny = tinyOnnx({
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: [{ name: "w", shape: [1], values: { file: "weights.bin" } }],
  });
  t.same([...externalFiles(tiny)], ["weights.bin"]);
  t.same([...externalFiles(await readOnnxFile(join(modules, SILERO_V5.file)))], []);
  const inner = fieldsOf(tiny).find(({ id }) => id === 7)?.content ?? new Uint8Array();
  const attribute = [...bytesField(1, "then_branch"), ...bytesField(6, inner)];
  const outer = bytesField(7, bytesField(1, bytesField(5, attribute)));
  t.same([...externalFiles(Buffer.concat([...outer]))], ["weights.bin"]);
});

t.test("graphs that are nested without end are refused, and the file is named", async (t) => {
  let graph: readonly Uint8Array[] = [...intField(2, 1)];
  for (let depth = 0; depth < 40; depth += 1) graph = bytesField(1, bytesField(5, bytesField(6, graph)));
  const model = Buffer.concat([...bytesField(7, graph)]);
  t.throws(() => readingOnnx("deep.onnx", () => externalFiles(model)), {
    code: "onnx-malformed",
    message: /deep\.onnx .*nested more than 32 deep/,
  });
  const file = join(t.testdir(), "model.onnx");
  writeFileSync(file, model);
  t.same(Buffer.from(await readOnnxFile(file)), model);
});
