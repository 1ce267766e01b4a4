/** Makes a failing run small enough to read: leaves out devices, faults and actions for as long as it fails in the same way. */
import { runScenario } from "./run-scenario.ts";
import type { Action, Scenario } from "./scenario.ts";
import type { Violation } from "./violation.ts";

/** Each is a whole run; a smaller one takes less time than the one before. */
const RUNS_MAX = 400;

export interface Shrunk {
  readonly scenario: Scenario;
  readonly runs: number;
}

export function shrink(failing: Scenario, { promise }: Pick<Violation, "promise">): Shrunk {
  let smallest = failing;
  let runs = 0;

  function fails(candidate: Scenario): boolean {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    return runScenario(candidate).violation?.promise === promise;
  }

  function without<Part>(partsOf: (scenario: Scenario) => readonly Part[], withParts: WithParts<Part>): void {
    for (let size = Math.ceil(partsOf(smallest).length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < partsOf(smallest).length;) {
        const parts = partsOf(smallest);
        const candidate = withParts(smallest, [...parts.slice(0, at), ...parts.slice(at + size)]);
        if (fails(candidate)) smallest = candidate;
        else at += size;
      }
    }
  }

  for (let before: Scenario | undefined; before !== smallest && runs < RUNS_MAX;) {
    before = smallest;
    without(
      ({ devices }) => devices,
      (scenario, devices) => ({ ...scenario, devices }),
    );
    without(
      ({ faults }) => faults,
      (scenario, faults) => ({ ...scenario, faults }),
    );
    without(
      ({ actions }) => actions.filter((action) => !isPlot(action)),
      (scenario, kept) => ({
        ...scenario,
        actions: scenario.actions.filter((action) => isPlot(action) || kept.includes(action)),
      }),
    );
  }
  return { scenario: smallest, runs };
}

/** Without its rollouts a story does not end as it should, which says nothing. */
function isPlot({ kind }: Action): boolean {
  return kind === "create" || kind === "rollback";
}

type WithParts<Part> = (scenario: Scenario, parts: readonly Part[]) => Scenario;
