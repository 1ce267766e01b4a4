import t from "tap";
import { join } from "node:path";
import { bundledPackages, licenceTexts, packageFolder } from "../../../firmware-images/executable/bundled-packages.ts";

const folders = [
  { input: "node_modules/mqtt/build/index.js", folder: "node_modules/mqtt" },
  { input: "node_modules/@jsquash/jpeg/decode.js", folder: "node_modules/@jsquash/jpeg" },
  { input: "node_modules/a/node_modules/@b/c/x.js", folder: "node_modules/a/node_modules/@b/c" },
  { input: "agent/main.ts", folder: undefined },
];
for (const { input, folder } of folders) {
  t.test(`${input} belongs to ${folder ?? "no package"}`, async (t) => t.equal(packageFolder(input), folder));
}

t.test("a package is listed once, and its licence goes with the executable", async (t) => {
  const manifest = (name: string, version: string) => JSON.stringify({ name, version, license: "MIT" });
  const root = t.testdir({
    "node-licence": "Node's own",
    node_modules: {
      b: { "package.json": manifest("b", "2.0.0"), "LICENSE.md": "B may be used" },
      a: { "package.json": manifest("a", "1.0.0") },
    },
  });
  const packages = bundledPackages(root, ["node_modules/b/x.js", "node_modules/b/y.js", "node_modules/a/x.js", "z.ts"]);
  t.same(
    packages.map(({ name, version }) => [name, version]),
    [
      ["a", "1.0.0"],
      ["b", "2.0.0"],
    ],
  );
  const texts = licenceTexts(packages, join(root, "node-licence"));
  t.match(texts, /Node's own[^]*a@1\.0\.0 \(MIT\)[^]*carries no licence text[^]*b@2\.0\.0 \(MIT\)[^]*B may be used/);
});
