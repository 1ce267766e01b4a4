import { realpathSync } from "node:fs";
import { programPlace, type ProgramPlace } from "./program-place.ts";

/** By what this process was started. */
export function startedBy(): ProgramPlace {
  return programPlace({
    program: process.env["FERRY_AGENT_PROGRAM"],
    running: process.env["FERRY_AGENT_RUNNING"],
    executable: realpathSync(process.execPath),
  });
}

/** Within another program, which ends when it wants to. */
export const NOT_RESTARTED: Extract<ProgramPlace, { kind: "unsupported" }> = {
  kind: "unsupported",
  refusal: { code: "agent-unsupported", message: "This agent is a part of another program, which starts and ends it" },
};
