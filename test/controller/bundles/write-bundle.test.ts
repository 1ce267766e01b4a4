import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openOnnxSession } from "../../../common/onnx-session.ts";
import { interfaceOf, writeBundle } from "../../../controller/bundles/write-bundle.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { tinyOnnx } from "../../support/tiny-onnx.ts";

const description = {
  name: "wide" as ModelName,
  version: "1.0.0" as ModelVersion,
  release: 1,
  file: "model.onnx",
  description: "Adds nothing.",
  providers: ["cuda"],
};

t.test("a bundle is described, and the tensors of a golden set that is replaced go with it", async (t) => {
  const folder = t.testdir();
  const wide = { type: "FP32", shape: ["n", 2_000] } as const;
  writeFileSync(
    join(folder, "model.onnx"),
    tinyOnnx({
      inputs: [{ name: "x", ...wide }],
      outputs: [{ name: "y", ...wide }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    }),
  );
  const session = await openOnnxSession(join(folder, "model.onnx"));
  t.same(interfaceOf(session).inputs, [{ name: "x", datatype: "FP32", shape: [-1, 2_000] }]);
  t.match(await writeBundle(folder, session, description, undefined), { cases: 3 });
  t.match(parseModelJson(readFileSync(join(folder, "model.json"))), { ...description, inputs: [{ name: "x" }] });
  t.ok(existsSync(join(folder, "golden", "3-in-1.bin")));

  const x = { name: "x", datatype: "FP32" as const, shape: [1, 2_000], bytes: new Uint8Array(8_000) };
  t.match(await writeBundle(folder, session, description, [{ name: "zeros", inputs: [x] }]), { cases: 1 });
  t.ok(existsSync(join(folder, "golden", "1-in-1.bin")));
  t.notOk(existsSync(join(folder, "golden", "3-in-1.bin")));
  await session.release();
});
