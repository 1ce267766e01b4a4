/** One run, as it is given to a worker thread, and what came of it. */
import { runScenario } from "../../test/simulation/run-scenario.ts";
import type { Scenario } from "../../test/simulation/scenario.ts";
import { STORIES } from "../../test/simulation/scenarios.ts";

export interface Work {
  readonly story: string;
  readonly seed: number;
  readonly devices: number;
}

export interface Played {
  readonly work: Work;
  /** The promise that was broken, and how. */
  readonly broken: string | undefined;
  readonly states: readonly string[];
  readonly events: number;
  readonly saves: number;
  readonly ms: number;
}

export function workName({ story, seed }: Work): string {
  return `seed ${String(seed)} ${story}`;
}

export function scenarioOf({ story, seed, devices }: Work): Scenario {
  const make = STORIES.get(story);
  if (make === undefined) throw new Error(`there is no story ${story}`);
  return make(seed, devices);
}

export function play(work: Work): Played {
  const startedMs = performance.now();
  const { violation, states, events, saves } = runScenario(scenarioOf(work));
  return { work, broken: violation?.message, states, events, saves, ms: performance.now() - startedMs };
}
