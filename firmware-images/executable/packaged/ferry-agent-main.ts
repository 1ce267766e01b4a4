/** The executable `ferry-agent`: the agent, and the processes that it starts of itself. */
import type { ProgramPart } from "../../../common/packaged-program.ts";
import { begin } from "./begin.ts";

const PARTS: Readonly<Record<`--as=${ProgramPart}`, () => Promise<unknown>>> = {
  "--as=runner": () => import("../../../agent/inference/runner/runner-main.ts"),
  "--as=processor": () => import("../../../agent/processing/processor-main.ts"),
};

begin();
const [, , first = ""] = process.argv;
const start = Object.entries(PARTS).find(([argument]) => argument === first)?.[1];
void (start ?? (() => import("../../../agent/main.ts")))();
