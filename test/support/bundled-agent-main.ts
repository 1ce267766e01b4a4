/**
 * The agent as one file, as an executable holds it (`firmware-images/executable/packaged/`), started by Node.js: a version of
 * the agent for tests, which starts in a third of the time that the sources take. `agent-versions.ts` starts it, and says in
 * FERRY_TEST_AGENT what an executable holds within itself.
 */
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { beginPackagedProgram } from "../../common/packaged-program.ts";
import { dieAt } from "./die-at.ts";

/** What an executable knows of itself. */
export interface BundledAgent {
  readonly version: string;
  /** What starts it: the version's program. */
  readonly program: string;
  readonly checkout: string;
  readonly onnxruntime: { readonly version: string; readonly folder: string };
  /** Of each native library its path. */
  readonly native: Readonly<Record<string, string>>;
}

const { version, program, checkout, onnxruntime, native } = JSON.parse(
  process.env["FERRY_TEST_AGENT"] ?? "",
) as BundledAgent;

beginPackagedProgram({
  version,
  command: (part) => ({ file: program, args: [`--as=${part}`] }),
  file: (name) => readFileSync(join(checkout, name.startsWith("@") ? join("node_modules", name) : name)),
  onnxruntime,
  checkLibraries: () => [],
  loadLibrary: (name) => {
    const loaded: { exports: unknown } = { exports: {} };
    process.dlopen(loaded, native[name] ?? name);
    return loaded.exports;
  },
});
dieAt(process.env["FERRY_TEST_DIE_AT"]);
if (process.env["FERRY_TEST_OFFLINE"] !== undefined) beOffline();

const [, , first] = process.argv;
if (first === "--as=runner") void import("../../agent/inference/runner/runner-main.ts");
else if (first === "--as=processor") void import("../../agent/processing/processor-main.ts");
else void import("../../agent/main.ts");

/** As behind a firewall that drops everything: no connection over a network comes to stand, and none is refused. */
function beOffline(): void {
  const prototype = Socket.prototype as { connect: (...args: readonly unknown[]) => unknown };
  prototype.connect = function (this: Socket) {
    return this;
  };
}
