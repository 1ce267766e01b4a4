import t from "tap";
import { checkBundlePath, checkNoTwins } from "../../../protocol/bundle/bundle-path.ts";

const refused: readonly { readonly path: string; readonly because: RegExp }[] = [
  { path: "", because: /is empty/ },
  { path: "/etc/passwd", because: /absolute/ },
  { path: "C:/model.onnx", because: /absolute/ },
  { path: "../model.onnx", because: /segment/ },
  { path: "golden/../../model.onnx", because: /segment/ },
  { path: "golden//case.bin", because: /segment/ },
  { path: "./model.onnx", because: /segment/ },
  { path: "golden\\case.bin", because: /backslash/ },
  { path: "model\u0000.onnx", because: /control/ },
  { path: "model\n.onnx", because: /control/ },
  { path: "ü".repeat(300), because: /longer/ },
];

for (const { path, because } of refused) {
  t.test(`${JSON.stringify(path.slice(0, 40))} is no file name for a bundle`, async (t) =>
    t.throws(() => {
      checkBundlePath(path);
    }, because),
  );
}

t.test("ordinary names pass, in folders and in any script", async (t) => {
  for (const path of ["model.onnx", "golden/0-x.bin", ".oms/abc.sig", "größe.txt", "model..v2.onnx"])
    checkBundlePath(path);
  t.pass();
});

t.test("names that become one file where case or composition is ignored are refused", async (t) => {
  t.throws(() => {
    checkNoTwins(["model.onnx", "Model.onnx"]);
  }, /same name/);
  t.throws(() => {
    checkNoTwins(["\u00e9.txt", "e\u0301.txt"]);
  }, /same name/);
  t.doesNotThrow(() => {
    checkNoTwins(["a", "b", "a/b"]);
  });
});
