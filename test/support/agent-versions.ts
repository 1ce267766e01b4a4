/** Versions of the agent as they travel: each starts this checkout's own code, which then calls itself otherwise. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { openBundleSource } from "../../controller/bundles/bundle-source.ts";
import { initAgentBundle } from "../../controller/bundles/init-agent.ts";
import { signBundle } from "../../controller/bundles/sign-bundle.ts";
import { LAUNCHER } from "../../agent/self-update/launcher.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelVersion } from "../../protocol/ids.ts";
import { owners, type Bundle } from "./agent-bench.ts";
import { collect } from "./bundles.ts";

const checkout = new URL("../..", import.meta.url).pathname;

/** What the program of a version does with `run`, after it has said its version to whoever asks. */
export type Behaviour =
  /** It is this checkout's agent. */
  | "works"
  /** It ends with an error as it starts. */
  | "crashes"
  /** It runs, and does nothing. */
  | "hangs"
  /** It is this checkout's agent, and its runners cannot load a model. */
  | "loses-models";

/** A build as `npm run package` leaves it, without `native/`. */
export function agentBuild(base: string, version: string, behaviour: Behaviour): string {
  // Node.js takes the links for the files themselves, and so the version from the package.json beside them.
  const tree = join(base, `tree-${version}`);
  mkdirSync(tree, { recursive: true });
  for (const part of ["agent", "common", "protocol", "node_modules"]) {
    if (part !== "agent" || behaviour !== "loses-models") symlinkSync(join(checkout, part), join(tree, part));
  }
  if (behaviour === "loses-models") linkWithoutRunner(tree);
  const manifest = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as object;
  writeFileSync(join(tree, "package.json"), JSON.stringify({ ...manifest, version }));
  const folder = join(base, `dist-${version}`, `linux-${arch()}`, AGENT_NAME);
  mkdirSync(folder, { recursive: true });
  const node = `"${process.execPath}" --disable-warning=ExperimentalWarning --preserve-symlinks --preserve-symlinks-main`;
  const agent = `exec ${node} "${tree}/agent/main.ts" "$@"`;
  const lines = {
    works: "",
    crashes: `[ "$1" != run ] || { echo "cannot start: a library is missing" >&2; exit 3; }`,
    hangs: `[ "$1" != run ] || exec sleep 600`,
    "loses-models": "",
  };
  const program = join(folder, AGENT_NAME);
  writeFileSync(program, `#!/bin/sh\n${lines[behaviour]}\n${agent}\n`);
  chmodSync(program, 0o755);
  return join(base, `dist-${version}`);
}

/** The agent's sources, of which the program that loads models ends as it starts. */
function linkWithoutRunner(tree: string): void {
  const [from, to] = [join(checkout, "agent"), join(tree, "agent")];
  mkdirSync(join(to, "inference"), { recursive: true });
  for (const name of readdirSync(from)) if (name !== "inference") symlinkSync(join(from, name), join(to, name));
  const inference = readdirSync(join(from, "inference")).filter((name) => name !== "runner-main.ts");
  for (const name of inference) symlinkSync(join(from, "inference", name), join(to, "inference", name));
  writeFileSync(join(to, "inference", "runner-main.ts"), "process.exit(1);\n");
}

/** The same as a signed bundle. */
export async function agentBundle(base: string, version: string, behaviour: Behaviour = "works"): Promise<Bundle> {
  const directory = join(base, `bundle-${version}`);
  await initAgentBundle(directory, { agent: agentBuild(base, version, behaviour), force: false });
  const source = await openBundleSource(directory);
  const { statement } = await signBundle(source, owners.publisher);
  return {
    slot: { slot: AGENT_NAME, model: AGENT_NAME, version: version as ModelVersion, statement },
    archive: await collect(source.stream()),
  };
}

/** A device's program directory with one version, as an installation leaves it. */
export function installedAgent(base: string, version: string): string {
  const program = join(base, "program");
  const name = `${version}-0123456789abcdef`;
  const build = join(agentBuild(base, version, "works"), `linux-${arch()}`, AGENT_NAME);
  mkdirSync(join(program, "versions", name), { recursive: true });
  writeFileSync(join(program, "versions", name, AGENT_NAME), readFileSync(join(build, AGENT_NAME)), { mode: 0o755 });
  for (const link of ["current", "base"]) symlinkSync(`versions/${name}`, join(program, link));
  writeFileSync(join(program, "launch"), LAUNCHER, { mode: 0o755 });
  return program;
}
