/** Which onnxruntime-node the processes of this program load: the installed one, or what `FERRY_ORT_PATH` names. */
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { FerryError, messageOf } from "./ferry-error.ts";
import { packagedProgram } from "./packaged-program.ts";

export interface OnnxBuild {
  /** MAJOR.MINOR.PATCH of the package. */
  readonly version: string;
  /** The package's folder. */
  readonly folder: string;
  /** The file to import; undefined for the installed package. */
  readonly entry: string | undefined;
}

/** From here on a session says the types and shapes of its inputs and outputs. */
const VERSION_MIN = [1, 22] as const;
const BINDING = "onnxruntime_binding.node";
/** A package's own folder is a few levels above its entry file. */
const LEVELS_MAX = 4;

/**
 * Reads the package's manifest and loads nothing: the native library costs 20 MB. Throws FerryError `onnx-runtime` where
 * `FERRY_ORT_PATH` (the package's folder or its entry file) names nothing that could be loaded.
 */
export function readOnnxBuild(path: string | undefined = process.env["FERRY_ORT_PATH"]): OnnxBuild {
  if (path === undefined || path === "") {
    const packaged = packagedProgram();
    if (packaged !== undefined) return { ...packaged.onnxruntime, entry: undefined };
    const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    return { version: versionIn(readJson(manifest)), folder: dirname(manifest), entry: undefined };
  }
  if (!isAbsolute(path)) throw unusable(path, "it is not an absolute path");
  if (!existsSync(path)) throw unusable(path, "there is no such file or folder");
  const entry = entryOf(path);
  const folder = folderOf(entry, path);
  const version = versionIn(readJson(join(folder, "package.json")));
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) {
    throw unusable(path, `it is onnxruntime-node ${version}; ${VERSION_MIN.join(".")} or newer is needed`);
  }
  return { version, folder, entry };
}

/** `path` names an onnxruntime-node that cannot be used. */
export function unusable(path: string, why: string, cause?: unknown): FerryError {
  return new FerryError("onnx-runtime", `FERRY_ORT_PATH is ${path}, which cannot be used: ${why}`, {
    hint: "Name the folder of an onnxruntime-node built for this machine (the one with its package.json), or unset it to use the installed one.",
    ...(cause === undefined ? {} : { cause }),
  });
}

function entryOf(path: string): string {
  try {
    return realpathSync(createRequire(join(path, "manifest")).resolve(path));
  } catch (cause) {
    throw unusable(path, `it has no entry file (${messageOf(cause)})`, cause);
  }
}

function folderOf(entry: string, path: string): string {
  let folder = dirname(entry);
  for (let level = 0; level < LEVELS_MAX; level += 1, folder = dirname(folder)) {
    if (nameIn(readJson(join(folder, "package.json"))) === "onnxruntime-node") return folder;
  }
  throw unusable(path, "no package.json above its entry file says that it is onnxruntime-node");
}

/** Undefined for what is not there, or is no JSON. */
function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function nameIn(manifest: unknown): unknown {
  return typeof manifest === "object" && manifest !== null && "name" in manifest ? manifest.name : undefined;
}

function versionIn(manifest: unknown): string {
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isManifest ? String(manifest.version).slice(0, 32) : "unknown";
}

/**
 * Those of the options that the package's native part does not read: a name that it looks up stands in it as text. Empty
 * where it lies elsewhere than in the official package, so that nobody can tell.
 */
export function unreadOptions({ folder }: OnnxBuild, options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const binding = bindingIn(folder);
  return binding === undefined ? [] : options.filter((option) => !binding.includes(`${option}\0`));
}

function bindingIn(folder: string): Buffer | undefined {
  try {
    if (packagedProgram()?.onnxruntime.folder === folder) return readFileSync(join(folder, BINDING));
    const [abi] = readdirSync(join(folder, "bin"));
    return readFileSync(join(folder, "bin", abi ?? "", process.platform, process.arch, BINDING));
  } catch {
    return undefined;
  }
}
