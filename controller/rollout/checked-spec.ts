/** A request on its way to becoming a rollout: completed, and refused where it makes no sense. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { completeSpec } from "./complete-spec.ts";
import type { RolloutRequest, RolloutSpec } from "./rollout-spec.ts";
import { specMistakes } from "./spec-mistakes.ts";
import type { SpecPath } from "./spec-shape.ts";

/** As many as a person mends before trying again. */
const MISTAKES_SHOWN_MAX = 20;

/** Throws `bad-rollout` with everything that is wrong. `placeName` is how whoever asked calls a place: a field, a flag. */
export function checkedSpec(
  request: RolloutRequest,
  nowMs: number,
  placeName: (path: SpecPath) => string = fieldName,
): RolloutSpec {
  const spec = completeSpec(request);
  const mistakes = specMistakes(spec, nowMs);
  if (mistakes.length === 0) return spec;
  const lines = mistakes.slice(0, MISTAKES_SHOWN_MAX).map(({ path, text }) => `${placeName(path)}: ${text}`);
  const text = lines.length === 1 ? ` ${lines.join("")}` : `\n${lines.map((line) => `  ${line}`).join("\n")}`;
  throw new FerryError("bad-rollout", `This rollout makes no sense:${text}`, {
    hint: "Nothing was changed. `ferry rollout create --help` and docs/OPERATING.md have examples.",
    exitCode: EXIT.usage,
  });
}

function fieldName(path: SpecPath): string {
  return path.reduce<string>(
    (before, part) => (typeof part === "number" ? `${before}[${part}]` : before === "" ? part : `${before}.${part}`),
    "",
  );
}
