import t from "tap";
import { readFileSync } from "node:fs";
import { NODE } from "../../../firmware-images/executable/node-binary.ts";

t.test("executables hold the Node.js on which the checkout runs", async (t) => {
  const [, version] = /^node_version=(\S+)$/m.exec(readFileSync("scripts/environment.sh", "utf8")) ?? [];
  t.equal(NODE.version, version);
});
