import t from "tap";
import { EXIT } from "../../../common/ferry-error.ts";
import { openLog } from "../../../common/log.ts";
import { beginPackagedProgram } from "../../../common/packaged-program.ts";
import { exitCodeOf, selfTest } from "../../../agent/self-test/self-test.ts";
import { nativeLibraries } from "../../../firmware-images/executable/packaged/native-libraries.ts";
import { never } from "../../support/engine-bench.ts";

const log = openLog("test", "silent");

t.test("a program that works says so: database, model and pictures, each with its figures", async (t) => {
  const result = await selfTest(log, never);
  t.match(result, {
    ok: true,
    program: { packaged: false, platform: `${process.platform}-${process.arch}`, onnxruntime: /^\d+\.\d+\.\d+$/ },
    checks: {
      database: { ok: true, sqlite: /^3\./, journal: "wal" },
      inference: { ok: true, providers: ["cpu"], loadMs: Number, inferMs: Number },
      pictures: { ok: true, formats: ["png", "jpeg"] },
    },
  });
  t.equal(exitCodeOf(result), EXIT.ok);
});

t.test("what does not work is told with its code and what to do, beside what does", async (t) => {
  const { checkAll, load } = nativeLibraries(t.testdir({}), { "x.node": "ab" });
  beginPackagedProgram({
    version: "1.0.0",
    command: () => ({ file: process.execPath, args: ["-e", "process.exit(3)"] }),
    file: () => new Uint8Array(),
    onnxruntime: { version: "1.0.0", folder: "/nowhere" },
    checkLibraries: checkAll,
    loadLibrary: load,
  });
  const result = await selfTest(log, AbortSignal.abort());
  t.match(result, {
    ok: false,
    program: { packaged: true },
    checks: {
      libraries: { ok: false, code: "native-library", hint: /install both again/ },
      database: { ok: true },
      inference: { ok: false, code: "onnx-runtime" },
    },
  });
  t.equal(exitCodeOf(result), EXIT.failed);
});
