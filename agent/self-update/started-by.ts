import { realpathSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../common/ferry-error.ts";
import { PROGRAM_FILES } from "./launcher.ts";
import { readTakenBack } from "./program-directory.ts";
import { programPlace, type ProgramPlace } from "./program-place.ts";

/** By what this process was started. */
export function startedBy(): ProgramPlace {
  return programPlace({
    program: process.env["FERRY_AGENT_PROGRAM"],
    running: process.env["FERRY_AGENT_RUNNING"],
    executable: realpathSync(process.execPath),
  });
}

/** Whether another version was started here since this one ran, and has been taken back. */
export async function isAfterTakenBack(place: ProgramPlace): Promise<boolean> {
  if (place.kind === "unsupported") return false;
  const takenBack = await readTakenBack(place.directory);
  return takenBack !== undefined && takenBack.name !== place.running;
}

/** How late an agent notices that its launcher is gone. */
const LAUNCHER_LOOK_MS = 1_000;

/** Without its launcher the agent must make room for the one that the next launcher starts; a look takes microseconds. */
export function onLauncherGone(then: () => void): void {
  const launcher = process.env["FERRY_AGENT_LAUNCHER"];
  if (launcher === undefined) return;
  const looking = setInterval(() => {
    if (String(process.ppid) === launcher) return;
    clearInterval(looking);
    then();
  }, LAUNCHER_LOOK_MS);
  looking.unref();
}

/** Where a version that is on trial ends with an error, the launcher tells which, should it take it back. */
export async function noteEnd(thrown: unknown): Promise<void> {
  const place = startedBy();
  if (place.kind === "unsupported") return;
  const note = join(place.directory, PROGRAM_FILES.waiting);
  await writeFile(note, `${messageOf(thrown).replaceAll("\n", " ")}\n`).catch(() => undefined);
}

/** Within another program, which ends when it wants to. */
export const NOT_RESTARTED: Extract<ProgramPlace, { kind: "unsupported" }> = {
  kind: "unsupported",
  refusal: { code: "agent-unsupported", message: "This agent is a part of another program, which starts and ends it" },
};
