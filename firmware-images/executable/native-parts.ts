/** The native libraries of one machine, as the npm packages carry them: nothing is compiled, nothing is downloaded. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import type { Architecture } from "./program-json.ts";

const require = createRequire(import.meta.url);

/** Of each library, by the name that it has beside the executable: where it is now. */
export function nativeParts(architecture: Architecture): Readonly<Record<string, string>> {
  const onnxruntime = join(packageFolder("onnxruntime-node"), "bin", "napi-v6", "linux", architecture);
  return {
    "libonnxruntime.so.1": join(onnxruntime, "libonnxruntime.so.1"),
    "onnxruntime_binding.node": join(onnxruntime, "onnxruntime_binding.node"),
    "better_sqlite3.node": join(packageFolder("better-sqlite3"), "prebuilds", `linux-${architecture}.node`),
  };
}

export function nativeDigests(architecture: Architecture): Record<string, string> {
  return Object.fromEntries(
    Object.entries(nativeParts(architecture)).map(([name, path]) => [name, sha256Of(path)] as const),
  );
}

export function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

export function packageVersion(name: string): string {
  return (JSON.parse(readFileSync(join(packageFolder(name), "package.json"), "utf8")) as { version: string }).version;
}

function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}
