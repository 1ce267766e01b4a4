import { realpathSync } from "node:fs";
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

/** Within another program, which ends when it wants to. */
export const NOT_RESTARTED: Extract<ProgramPlace, { kind: "unsupported" }> = {
  kind: "unsupported",
  refusal: { code: "agent-unsupported", message: "This agent is a part of another program, which starts and ends it" },
};
