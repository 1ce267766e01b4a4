/** The builds of the agent in a folder, as `npm run package` leaves them, and what their binaries say of themselves. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { listFiles } from "../../common/hash-directory.ts";
import { AGENT_NAME, type AgentBuild } from "../../protocol/bundle/agent-part.ts";
import { BUNDLE_FILES_MAX } from "../../protocol/limits.ts";
import { newestGlibc, readElfMachine, type ElfMachine } from "./elf.ts";

/** One build on this machine's disk. */
export interface FoundBuild extends AgentBuild {
  readonly source: string;
  readonly files: readonly string[];
}

/** Machines that the agent is built for. */
const HARDWARE = ["linux-x64", "linux-arm64"] as const;

const MACHINES: Readonly<Record<(typeof HARDWARE)[number], ElfMachine>> = {
  "linux-x64": "x64",
  "linux-arm64": "arm64",
};

/**
 * `folder` holds `linux-x64/ferry-agent/` and `linux-arm64/ferry-agent/`, or one of them; or is the folder of one build,
 * whose program says for which machine. Throws FerryError `no-agent` or `bad-agent`.
 */
export async function findAgentBuilds(folder: string): Promise<readonly FoundBuild[]> {
  const builds: FoundBuild[] = [];
  for (const hardware of HARDWARE) {
    for (const place of [join(folder, hardware, AGENT_NAME), join(folder, hardware)]) {
      if (!(await isFile(join(place, AGENT_NAME)))) continue;
      builds.push(await readBuild(place, hardware));
      break;
    }
  }
  if (builds.length > 0) return builds;
  const program = join(folder, AGENT_NAME);
  const machine = (await isFile(program)) ? await readElfMachine(program) : undefined;
  const hardware = HARDWARE.find((one) => MACHINES[one] === machine);
  if (hardware !== undefined) return [await readBuild(folder, hardware)];
  throw new FerryError("no-agent", `${folder} holds no build of the agent`, {
    hint: `Give the folder that \`npm run package\` wrote (it has linux-x64/${AGENT_NAME}/${AGENT_NAME}), or one build's own folder.`,
    exitCode: EXIT.notFound,
  });
}

async function readBuild(source: string, hardware: (typeof HARDWARE)[number]): Promise<FoundBuild> {
  const files = await listFiles(source, { filesMax: BUNDLE_FILES_MAX });
  let glibc: string | undefined;
  for (const file of files) {
    const path = join(source, file);
    const machine = await readElfMachine(path);
    if (machine === undefined) continue;
    if (machine !== MACHINES[hardware]) {
      throw new FerryError("bad-agent", `${path} is built for ${machine}, not for ${hardware}`, {
        hint: `Put the build for ${hardware} into ${basename(hardware)}/, and that for ${machine} into linux-${machine}/.`,
      });
    }
    glibc = await newestGlibc(createReadStream(path), glibc);
  }
  return { hardware, folder: hardware, source, files, ...(glibc === undefined ? {} : { glibc }) };
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
