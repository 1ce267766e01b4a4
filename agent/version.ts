import { readFileSync } from "node:fs";
import { packagedProgram } from "../common/packaged-program.ts";

/** Of this program: MAJOR.MINOR.PATCH, as package.json has it. */
export const AGENT_VERSION = packagedProgram()?.version ?? packageVersion();

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isManifest && typeof manifest.version === "string" ? manifest.version : "0.0.0";
}
