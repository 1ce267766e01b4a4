/** Versions of the agent as they travel: each starts this checkout's own code, as one file, which then calls itself otherwise. */
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { dirname, join } from "node:path";
import { LAUNCHER } from "../../agent/self-update/launcher.ts";
import { openBundleSource } from "../../controller/bundles/bundle-source.ts";
import { initAgentBundle } from "../../controller/bundles/init-agent.ts";
import { signBundle } from "../../controller/bundles/sign-bundle.ts";
import { bundle as bundleProgram } from "../../firmware-images/executable/bundle.ts";
import { nativeParts, packageVersion } from "../../firmware-images/executable/native-parts.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelVersion } from "../../protocol/ids.ts";
import { owners, type Bundle } from "./agent-bench.ts";
import type { BundledAgent } from "./bundled-agent-main.ts";
import { collect } from "./bundles.ts";

const checkout = new URL("../..", import.meta.url).pathname;

/** What the program of a version does with `run`, after it has said its version and tested itself for whoever asks. */
export type Behaviour =
  /** It is this checkout's agent. */
  | "works"
  /** It ends with an error as it starts. */
  | "crashes"
  /** It runs, and does nothing. */
  | "hangs"
  /** It is this checkout's agent, and reaches nobody. */
  | "never-connects"
  /** It is this checkout's agent, and its runners cannot load a model once it runs. */
  | "loses-models";

const BEFORE: Readonly<Record<Behaviour, string>> = {
  works: "",
  crashes: `[ "$1" != run ] || { echo "cannot start: a library is missing" >&2; exit 3; }`,
  hangs: `[ "$1" != run ] || exec sleep 600`,
  "never-connects": `[ "$1" != run ] || export FERRY_TEST_OFFLINE=yes`,
  "loses-models": `case "$1 \${FERRY_AGENT_RUNNING:-}" in "--as=runner $version-"*) exit 1 ;; esac`,
};

/** Stands for the libraries: a version is several files, and whole only with all of them. */
const BALLAST_BYTES = 50_000;

/** A build as `npm run package` leaves it, in a folder below `base`, which it resolves to. */
export async function agentBuild(base: string, version: string, behaviour: Behaviour = "works"): Promise<string> {
  const folder = join(base, `dist-${version}`, `linux-${arch()}`, AGENT_NAME);
  mkdirSync(join(folder, "native"), { recursive: true });
  writeFileSync(join(folder, "native", "ballast.bin"), Buffer.alloc(BALLAST_BYTES, version));
  const program = join(folder, AGENT_NAME);
  const native = nativeParts(arch() === "arm64" ? "arm64" : "x64");
  const onnxruntime = {
    version: packageVersion("onnxruntime-node"),
    folder: dirname(native["onnxruntime_binding.node"] ?? ""),
  };
  const agent: Omit<BundledAgent, "program"> = { version, checkout, onnxruntime, native };
  const options = "--disable-warning=ExperimentalWarning --max-semi-space-size=2";
  const script = [
    "#!/bin/sh",
    `version=${version}`,
    BEFORE[behaviour],
    // Its own place is known only when it is started.
    `export FERRY_TEST_AGENT="{\\"program\\":\\"$0\\",${JSON.stringify(agent).slice(1).replaceAll('"', '\\"')}"`,
    `exec "${process.execPath}" ${options} "${await agentFile(base)}" "$@"`,
  ];
  writeFileSync(program, `${script.join("\n")}\n`);
  chmodSync(program, 0o755);
  return join(base, `dist-${version}`);
}

let built: Promise<string> | undefined;

/** One for all versions of a test file. */
function agentFile(base: string): Promise<string> {
  built ??= bundleProgram("test/support/bundled-agent-main.ts", join(base, "agent.cjs")).then(({ file }) => file);
  return built;
}

/** The same as a bundle's directory, not signed yet. */
export async function agentBundleFolder(base: string, version: string, behaviour: Behaviour): Promise<string> {
  const directory = join(base, `bundle-${version}`);
  await initAgentBundle(directory, { agent: await agentBuild(base, version, behaviour), force: false });
  return directory;
}

/** The same signed, as an archive. */
export async function agentBundle(base: string, version: string, behaviour: Behaviour = "works"): Promise<Bundle> {
  const source = await openBundleSource(await agentBundleFolder(base, version, behaviour));
  const { statement } = await signBundle(source, owners.publisher);
  return {
    slot: { slot: AGENT_NAME, model: AGENT_NAME, version: version as ModelVersion, statement },
    archive: await collect(source.stream()),
  };
}

/** A device's program directory, `<base>/<name>`, with one version, as an installation leaves it. */
export async function installedAgent(base: string, version: string, directory = "program"): Promise<string> {
  const program = join(base, directory);
  const name = `${version}-0123456789abcdef`;
  const build = join(await agentBuild(base, version), `linux-${arch()}`, AGENT_NAME);
  cpSync(build, join(program, "versions", name), { recursive: true });
  for (const link of ["current", "base"]) symlinkSync(`versions/${name}`, join(program, link));
  writeFileSync(join(program, "launch"), LAUNCHER, { mode: 0o755 });
  return program;
}
