/** A program and every package that it uses, as one CommonJS file: the only form that an executable of Node.js 24 takes. */
import { build, type Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface Bundle {
  readonly file: string;
  /** Paths of what went in, from the checkout. */
  readonly inputs: readonly string[];
}

const root = join(import.meta.dirname, "..", "..");

export async function bundle(entry: string, file: string): Promise<Bundle> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    metafile: true,
    // A trace then names functions and files as the sources do; whole lines stay short enough to be printed.
    minify: false,
    legalComments: "none",
    // Looked for at run time, and not there in an executable: pictures are decoded by WebAssembly, with the same pixels, and
    // the package `debug` writes without colours.
    external: ["sharp", "supports-color"],
    // A CommonJS file has no import.meta; packages use it to find what lies beside them, which nothing does here.
    define: { "import.meta.url": "__executableUrl", "import.meta.dirname": "__executableFolder" },
    banner: {
      js: 'const __executableUrl = require("node:url").pathToFileURL(process.execPath).href, __executableFolder = require("node:path").dirname(process.execPath);',
    },
    plugins: [nativePartsBeside],
    logLevel: "warning",
  });
  return { file, inputs: Object.keys(metafile.inputs) };
}

/** Where a package loads its native part from its own folder, the executable loads it from `native/`, compared before. */
const nativePartsBeside: Plugin = {
  name: "native parts beside the executable",
  setup(build) {
    build.onLoad({ filter: /\/onnxruntime-node\/dist\/binding\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      return { contents: replaceOnce(source, /require\(`\.\.\/bin[^)]*`\)/, load("onnxruntime_binding.node"), path) };
    });
    build.onLoad({ filter: /\/better-sqlite3\/lib\/binding\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = replaceOnce(
        source,
        /\/\/ Otherwise, try the default node-gyp locations/,
        `return DEFAULT_ADDON = ${load("better_sqlite3.node")};\n$&`,
        path,
      );
      return { contents };
    });
  },
};

function load(library: string): string {
  const seam = JSON.stringify(join(root, "common", "packaged-program.ts"));
  return `require(${seam}).packagedProgram().loadLibrary(${JSON.stringify(library)})`;
}

/** The text is another package's: where it has changed, the build must not go on as if it had not. */
function replaceOnce(source: string, pattern: RegExp, replacement: string, path: string): string {
  if (!pattern.test(source))
    throw new Error(`${path} loads its native part in another way: see ${import.meta.filename}`);
  return source.replace(pattern, replacement);
}
