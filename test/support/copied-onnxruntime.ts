import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const INSTALLED = new URL("../../node_modules/", import.meta.url).pathname;

/** The installed onnxruntime-node at another place, as a build of somebody's own would lie there. */
export function copyOnnxruntime(directory: string): string {
  const modules = join(directory, "node_modules");
  const folder = join(modules, "onnxruntime-node");
  const native = join("bin", "napi-v6", process.platform, process.arch);
  mkdirSync(folder, { recursive: true });
  for (const part of ["package.json", "dist", native]) {
    cpSync(join(INSTALLED, "onnxruntime-node", part), join(folder, part), { recursive: true });
  }
  cpSync(join(INSTALLED, "onnxruntime-common"), join(modules, "onnxruntime-common"), { recursive: true });
  return folder;
}
