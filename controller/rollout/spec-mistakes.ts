/** What is wrong with a specification, wherever it came from: ranges by its schema, and what only the whole can show. */
import { FerryError } from "../../common/ferry-error.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import { parseSelector } from "../fleet/selector.ts";
import { gateMistake } from "./gate-metrics.ts";
import { shareText, spanText } from "./human-values.ts";
import { modeText } from "./mode-text.ts";
import type { RolloutSpec, RolloutStage } from "./rollout-spec.ts";
import { shapeMistakes, type SpecMistake, type SpecPath } from "./spec-shape.ts";
import { windowMistake } from "./window.ts";

/** Empty where nothing is wrong. Whether groups, devices and the bundle exist is for the controller to say. */
export function specMistakes(spec: RolloutSpec, nowMs: number): readonly SpecMistake[] {
  const shape = shapeMistakes(spec);
  if (shape.length > 0) return shape;
  return [
    ...choiceMistakes(spec),
    ...modeMistakes(spec),
    ...agentMistakes(spec),
    ...stageMistakes(spec.stages),
    ...spec.gates.flatMap((gate, at) => mistake(["gates", at], gateMistake(gate))),
    ...abortMistakes(spec),
    ...windowMistakes(spec, nowMs),
  ];
}

function mistake(path: SpecPath, text: string | undefined): SpecMistake[] {
  return text === undefined ? [] : [{ path, text }];
}

function choiceMistakes({ selector, devices, follow }: RolloutSpec): SpecMistake[] {
  if (selector === undefined && devices === undefined)
    return mistake(["selector"], "is missing; empty is every device");
  if (selector === undefined) {
    return follow ? mistake(["follow"], "devices that are listed by id cannot be followed: give a selector") : [];
  }
  if (devices !== undefined) return mistake(["devices"], "give either a selector or devices, not both");
  return selectorMistake(["selector"], selector);
}

function modeMistakes({ mode, deviceSoakMs, deploymentMsMax }: RolloutSpec): SpecMistake[] {
  if (mode === undefined || deviceSoakMs === undefined) return [];
  const text = modeText(mode);
  if (deviceSoakMs === 0) {
    return mistake(
      ["deviceSoakMs"],
      `is 0, and ${text} is what happens while a device soaks: give it some time, such as 5m`,
    );
  }
  if (deviceSoakMs < deploymentMsMax) return [];
  const [soak, most] = [spanText(deviceSoakMs), spanText(deploymentMsMax)];
  return mistake(["deploymentMsMax"], `each device soaks for ${soak}, and one try may take only ${most}: give it more`);
}

/** Nobody asks an agent for predictions: there is nothing to share, to copy or to measure of its answers. */
function agentMistakes({ model, mode, gates }: RolloutSpec): SpecMistake[] {
  if (model !== AGENT_NAME) return [];
  return [
    ...mistake(
      ["mode"],
      mode === undefined ? undefined : `${modeText(mode)} is for models: an agent answers no requests itself`,
    ),
    ...mistake(
      ["gates"],
      gates.length === 0
        ? undefined
        : "are for models: a device takes back an agent that does not get well, and abort counts those",
    ),
  ];
}

/** Of its grammar only. */
function selectorMistake(path: SpecPath, selector: string): SpecMistake[] {
  try {
    parseSelector(selector, () => []);
    return [];
  } catch (thrown) {
    if (thrown instanceof FerryError) return mistake(path, thrown.message);
    throw thrown;
  }
}

function stageMistakes(stages: readonly RolloutStage[]): SpecMistake[] {
  const names = stages.map(({ name }) => name);
  return [
    ...stages.flatMap(({ take }, at) =>
      take.kind === "selector" ? selectorMistake(["stages", at, "take", "selector"], take.selector) : [],
    ),
    ...names.flatMap((name, at) =>
      mistake(
        ["stages", at, "name"],
        names.indexOf(name) < at ? `there is a stage "${name}" before; give each its own name` : undefined,
      ),
    ),
    ...growthMistakes(stages, "share", shareText),
    ...growthMistakes(stages, "count", String),
    ...lastStageMistakes(stages),
  ];
}

/** What a stage takes includes the stages before: it has to be more than they took. */
function growthMistakes(
  stages: readonly RolloutStage[],
  kind: "share" | "count",
  text: (amount: number) => string,
): SpecMistake[] {
  let most = 0;
  return stages.flatMap(({ take }, at) => {
    if (take.kind !== kind) return [];
    const amount = take.kind === "share" ? take.share : take.count;
    const former = most;
    most = Math.max(most, amount);
    const path = ["stages", at, "take"];
    if (amount > former) return [];
    return former === 0
      ? mistake(path, `${text(amount)} takes no device`)
      : mistake(
          path,
          `${text(amount)} is not more than ${text(former)} of a stage before; what a stage takes includes those before it`,
        );
  });
}

function lastStageMistakes(stages: readonly RolloutStage[]): SpecMistake[] {
  const take = stages.at(-1)?.take;
  if (take === undefined || (take.kind === "share" && take.share === 1)) return [];
  const taken = { share: "", count: "a number of devices", selector: "the devices that match" };
  const what = take.kind === "share" ? shareText(take.share) : taken[take.kind];
  return mistake(
    ["stages", stages.length - 1, "take"],
    `the last stage takes ${what}, so the rest would never get the bundle: end with 100%, or choose fewer devices by selector`,
  );
}

function abortMistakes({ abort }: RolloutSpec): SpecMistake[] {
  if (abort?.failedShareMax !== 1) return [];
  return mistake(["abort", "failedShareMax"], "more than 100% can never fail: give less, or leave abort out");
}

function windowMistakes({ window }: RolloutSpec, nowMs: number): SpecMistake[] {
  const found = window === null ? undefined : windowMistake(window, nowMs);
  return found === undefined ? [] : mistake(["window", found.field], found.text);
}
