/** `ferry bundle init --agent`: a version of the agent itself, as a bundle that is signed and rolled out like a model. */
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { findAgentBuilds, type FoundBuild } from "./agent-builds.ts";
import { modelVersionFrom, releaseOf } from "./model-name.ts";
import { writeJson } from "./write-json.ts";

export interface AgentInitOptions {
  /** Where the builds are. */
  readonly agent: string;
  /** Absent: as the build for this machine says. */
  readonly version?: string;
  readonly release?: number;
  readonly force: boolean;
}

/** A packaged agent says its version within a second. */
const VERSION_MS_MAX = 20_000;

const run = promisify(execFile);

/** Copies the builds into `directory` and describes them. Throws FerryError. */
export async function initAgentBundle(directory: string, options: AgentInitOptions): Promise<ModelJson> {
  const builds = await findAgentBuilds(options.agent);
  await requireEmpty(directory, options);
  const said = await versionOf(builds);
  if (options.version === undefined && said === undefined) {
    const here = `linux-${arch()}`;
    throw new FerryError(
      "usage",
      `No build in ${options.agent} runs on this machine (${here}), so none says its version`,
      {
        hint: "Give it with --version MAJOR.MINOR.PATCH.",
        exitCode: EXIT.usage,
      },
    );
  }
  if (options.version !== undefined && said !== undefined && said !== options.version) {
    throw new FerryError("bad-agent", `The build calls itself ${said}, not ${options.version}`, {
      hint: "A device refuses a version that calls itself otherwise. Leave --version out, or build again.",
    });
  }
  const version = modelVersionFrom(options.version ?? said ?? "");
  for (const { source, folder } of builds) await cp(source, join(directory, folder), { recursive: true });
  const model: ModelJson = {
    formatVersion: 1,
    kind: "agent",
    name: AGENT_NAME,
    version,
    release: options.release ?? releaseOf(version),
    rollbackIndex: 0,
    file: AGENT_NAME,
    inputs: [],
    outputs: [],
    compatible: builds.map(({ hardware }) => hardware),
    agent: {
      builds: builds.map(({ hardware, folder, glibc }) => ({ hardware, folder, ...(glibc && { glibc }) })),
    },
  };
  await writeJson(join(directory, MODEL_JSON), model);
  return model;
}

/** What was copied here earlier would travel on beside the builds. */
async function requireEmpty(directory: string, { agent, force }: AgentInitOptions): Promise<void> {
  if (resolve(directory) === resolve(agent)) {
    throw new FerryError("usage", `${directory} is the folder of the builds itself`, {
      hint: "The bundle becomes a directory of its own: ferry bundle init ./ferry-agent --agent dist",
      exitCode: EXIT.usage,
    });
  }
  await mkdir(directory, { recursive: true });
  const present = await readdir(directory);
  if (present.length === 0) return;
  if (!force || !present.includes(MODEL_JSON)) {
    throw new FerryError("not-empty", `${directory} is not empty`, {
      hint: "Give a new directory; or, to write a bundle anew that is there, --force.",
      exitCode: EXIT.conflict,
    });
  }
  for (const name of present) await rm(join(directory, name), { recursive: true });
}

/** The build for this machine is asked; undefined where there is none. */
async function versionOf(builds: readonly FoundBuild[]): Promise<string | undefined> {
  const build = builds.find(({ hardware }) => hardware === `linux-${arch()}`);
  if (build === undefined) return undefined;
  const program = resolve(build.source, AGENT_NAME);
  try {
    const { stdout } = await run(program, ["version"], { timeout: VERSION_MS_MAX });
    return stdout.trim();
  } catch (cause) {
    throw new FerryError("bad-agent", `${program} does not say its version: ${messageOf(cause)}`, {
      hint: "It would not start on a device either. Build it again.",
      cause,
    });
  }
}
