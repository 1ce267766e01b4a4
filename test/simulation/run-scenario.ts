/** Plays a scenario from its beginning to its end, and says what promise it broke, if any. */
import { requireConverged } from "./converged.ts";
import { createEventQueue } from "./event-queue.ts";
import { watchRollouts } from "./rollout-promises.ts";
import { START_MS, type Action, type Scenario } from "./scenario.ts";
import { readGates } from "./virtual-gates.ts";
import { createRollouts, type VirtualRollouts } from "./virtual-rollouts.ts";
import { Violation } from "./violation.ts";
import { createWorld, type Trace, type World } from "./world.ts";

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly events: number;
  /** Writes of slots' states, each of which a power cut may have hit. */
  readonly saves: number;
  /** Where each rollout ended, in the order in which they were created. */
  readonly states: readonly string[];
}

export function runScenario(scenario: Scenario, trace?: Trace): Outcome {
  const queue = createEventQueue(START_MS);
  // The world tells the rollouts what it hears, and they look at the world.
  const late: { rollouts?: VirtualRollouts } = {};
  const world = createWorld({ ...scenario, queue, trace, onNews: (device) => late.rollouts?.touch(device) });
  const rollouts = createRollouts({
    ...scenario,
    fleet: world.fleet,
    queue,
    readGates: (rollout) => readGates(world, rollout),
    ...watchRollouts(world),
    trace,
  });
  late.rollouts = rollouts;
  for (const action of scenario.actions) {
    queue.after(action.atMs, () => {
      act({ world, rollouts }, action);
    });
  }
  let violation: Violation | undefined;
  let events = 0;
  try {
    events = queue.runUntil(START_MS + scenario.endMs, () => undefined);
    requireConverged({ world, rollouts });
    scenario.expect({ world, rollouts, scenario });
  } catch (thrown) {
    if (!(thrown instanceof Violation)) throw thrown;
    violation = thrown;
    trace?.(queue.nowMs(), "BROKEN", thrown.message);
  }
  const saves = [...world.devices.values()].reduce((sum, { disk }) => sum + disk.saves(), 0);
  return { violation, events, saves, states: rollouts.all().map(({ facts }) => facts.state) };
}

function act({ world, rollouts }: { readonly world: World; readonly rollouts: VirtualRollouts }, action: Action): void {
  switch (action.kind) {
    case "create":
      rollouts.create(action.author, action.request);
      break;
    case "approve":
      rollouts.approve(action.rollout, action.by);
      break;
    case "wish": {
      const devices = [...world.fleet.devices()];
      const slots = action.bundles.map(({ slot }) => slot);
      for (const device of devices) world.fleet.storeDeployment(device, slots);
      world.fleet.issue(devices);
      break;
    }
    default:
      rollouts.say(action.kind, action.rollout);
  }
}
