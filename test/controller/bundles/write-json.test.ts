import { readFileSync } from "node:fs";
import t from "tap";
import { writeJson } from "../../../controller/bundles/write-json.ts";

t.test("lists of numbers stand on one line each, everything else as people indent it", async (t) => {
  const path = `${t.testdir({})}/model.json`;
  await writeJson(path, { name: "digits", shape: [-1, 64], factor: [0.5, 1e-7], labels: ["a"] });
  t.equal(
    readFileSync(path, "utf8"),
    '{\n  "name": "digits",\n  "shape": [-1, 64],\n  "factor": [0.5, 1e-7],\n  "labels": [\n    "a"\n  ]\n}\n',
  );
});
