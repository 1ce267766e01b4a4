/** An executable tells the program in it where its parts are: within the executable, and in `native/` beside it. */
import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { getAsset } from "node:sea";
import { beginPackagedProgram } from "../../../common/packaged-program.ts";
import type { ProgramJson } from "../program-json.ts";
import { nativeLibraries } from "./native-libraries.ts";

export function begin(): void {
  // The build of this very executable wrote it.
  const { version, onnxruntime, native } = JSON.parse(getAsset("program.json", "utf8")) as ProgramJson;
  const folder = join(dirname(realpathSync(process.execPath)), "native");
  const libraries = nativeLibraries(folder, process.arch === "arm64" ? native.arm64 : native.x64);
  beginPackagedProgram({
    version,
    command: (part) => ({ file: process.execPath, args: [`--as=${part}`] }),
    file: (name) => new Uint8Array(getAsset(name)),
    onnxruntime: { version: onnxruntime, folder },
    checkLibraries: libraries.checkAll,
    loadLibrary: libraries.load,
  });
}
