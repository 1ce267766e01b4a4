/** One seed again: with a trace, and where it breaks a promise, with the shortest run that breaks it in the same way. */
import { faultText } from "../../test/simulation/faults.ts";
import { runScenario } from "../../test/simulation/run-scenario.ts";
import { START_MS, type Action, type Scenario } from "../../test/simulation/scenario.ts";
import { shrink } from "../../test/simulation/shrink.ts";
import { scenarioOf, workName, type Work } from "./work.ts";

export function replay(work: Work, isTraced: boolean): void {
  const scenario = scenarioOf(work);
  const { violation, states } = runScenario(scenario, isTraced ? print : undefined);
  if (violation === undefined) {
    console.log(`${workName(work)}: ok  ${states.join(", ")}`);
    return;
  }
  console.log(`${workName(work)}: ${violation.message}\nMaking it smaller …`);
  const { scenario: smallest, runs } = shrink(scenario, violation);
  console.log(`After ${String(runs)} runs, this is left:`);
  tell(smallest);
  runScenario(smallest, print);
  process.exitCode = 1;
}

function tell({ devices, faults, actions }: Scenario): void {
  console.log(`  devices  ${devices.map(({ id }) => id).join(" ")}`);
  for (const fault of faults) console.log(`  fault    ${faultText(fault, START_MS)}`);
  for (const action of actions) console.log(`  action   ${actionText(action)}`);
}

function actionText(action: Action): string {
  const at = timeText(action.atMs);
  switch (action.kind) {
    case "create":
      return `${at} create ${JSON.stringify(action.request)}`;
    case "wish":
      return `${at} wish ${action.bundles.map(({ model, behaviour }) => `${model.name}@${model.version} (${behaviour.kind})`).join(", ")}`;
    default:
      return `${at} ${action.kind} rollout ${String(action.rollout)}`;
  }
}

function print(atMs: number, who: string, text: string): void {
  console.log(`${timeText(atMs - START_MS)}  ${who.padEnd(14)} ${text}`);
}

/** Days, hours, minutes and seconds since the start. */
function timeText(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  return `${String(days)}d ${new Date(ms % 86_400_000).toISOString().slice(11, 23)}`;
}
