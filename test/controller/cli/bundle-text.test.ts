import t from "tap";
import { describeBundle } from "../../../controller/cli/bundle-text.ts";
import type { Sha256 } from "../../../protocol/ids.ts";
import { modelJson, statement } from "../../support/device-views.ts";

t.test("a bundle tells its identity, where it runs, and what it takes and gives", async (t) => {
  const model = modelJson("1.1.0");
  const sha256: Sha256 = "c".repeat(64) as Sha256;
  const text = describeBundle({
    name: model.name,
    version: model.version,
    statement: statement("a"),
    archive: { sha256, lengthBytes: 24_000 },
    model: { ...model, minimumAgent: "0.2.0", rollbackIndex: 3 },
    pushedMs: Date.now(),
    vouched: false,
  });
  const [first = ""] = text.split("\n");
  t.match(first, `${model.name}@1.1.0`);
  t.match(first, "24 kB");
  for (const part of [
    statement("a"),
    sha256,
    model.compatible.join(", "),
    "agent 0.2.0 or newer",
    "index       3",
    "by a replaced publisher",
  ]) {
    t.match(text, part);
  }
  for (const { name } of [...model.inputs, ...model.outputs]) t.match(text, name);
});
