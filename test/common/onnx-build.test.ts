import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readOnnxBuild, unreadOptions } from "../../common/onnx-build.ts";

/** A package folder with a manifest and an entry file, whatever they say. */
function packageAt(t: Test, manifest: string, entry = "dist/index.js"): string {
  const folder = join(t.testdir(), "build");
  mkdirSync(join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "package.json"), manifest);
  if (entry !== "") writeFileSync(join(folder, entry), "");
  return folder;
}

const manifest = (version: string, name = "onnxruntime-node") =>
  JSON.stringify({ name, version, main: "dist/index.js" });

t.test("without FERRY_ORT_PATH, or with an empty one, it is the installed package", async (t) => {
  for (const path of [undefined, ""]) {
    t.match(readOnnxBuild(path), { version: /^1\.\d+\.\d+/, entry: undefined, folder: /onnxruntime-node$/ });
  }
});

t.test("the manifest of the folder that is named tells the version", async (t) => {
  const folder = packageAt(t, manifest("1.24.3"));
  const build = { version: "1.24.3", folder, entry: join(folder, "dist", "index.js") };
  t.same(readOnnxBuild(folder), build);
  t.same(readOnnxBuild(join(folder, "dist", "index.js")), build);
});

const unusable = [
  { when: "the path is relative", path: () => "build", says: /is build, .*: it is not an absolute path/ },
  { when: "nothing is there", path: () => "/nonesuch", says: /: there is no such file or folder/ },
  {
    when: "the folder has no entry file",
    path: (t: Test) => packageAt(t, manifest("1.27.0"), ""),
    says: /: it has no entry file/,
  },
  {
    when: "it is another package",
    path: (t: Test) => packageAt(t, manifest("1.27.0", "onnxruntime-web")),
    says: /: no package\.json above its entry file says that it is onnxruntime-node/,
  },
  {
    when: "its sessions do not say what they take",
    path: (t: Test) => packageAt(t, manifest("1.21.1")),
    says: /: it is onnxruntime-node 1\.21\.1; 1\.22 or newer is needed/,
  },
];
for (const { when, path, says } of unusable) {
  t.test(`it is refused where ${when}`, async (t) => {
    t.throws(() => readOnnxBuild(path(t)), { code: "onnx-runtime", message: says, hint: /package\.json/ });
  });
}

t.test("an option is read by a build in whose native part its name stands", async (t) => {
  t.same(unreadOptions(readOnnxBuild(), ["deviceId", "trtEngineCachePath"]), ["trtEngineCachePath"]);
  t.same(unreadOptions({ version: "", folder: "/nonesuch", entry: undefined }, ["deviceId"]), [], "nobody can tell");
});
