/** Tables of what the update of a slot answers to one event. */
import t from "tap";
import type { Mates } from "../../agent/update/mates.ts";
import type { SoakObservation } from "../../agent/update/probe.ts";
import type { SlotEffect, SlotEvent, Step, Surroundings } from "../../agent/update/slot-event.ts";
import type { SlotState } from "../../agent/update/state.ts";
import { transition } from "../../agent/update/transition.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { final, heldOne, heldTwo, NOW, SEQ } from "./slot-states.ts";

export const alone: Mates = { all: "soaked", failed: undefined, isOneFormer: false };
export const desired = (wish: DeployedSlot, seq = SEQ): SlotEvent => ({ kind: "desired", wish, seq });
export const turningBack: SlotEffect = { kind: "turn-back", from: heldTwo, to: heldOne };

export function around(changes: Partial<Surroundings> = {}): Surroundings {
  return { nowMs: NOW, mayInstall: true, held: new Set(), chance: 1, mates: alone, poisons: [], ...changes };
}

export interface Case {
  readonly when: string;
  readonly state: SlotState;
  readonly event: SlotEvent;
  readonly around?: Partial<Surroundings>;
  readonly then: Partial<SlotState>;
  readonly effects: readonly SlotEffect[];
  /** What is stored beside the state; undefined: nothing. */
  readonly poison?: Step["poison"];
}

export function check(title: string, cases: readonly Case[]): void {
  t.test(title, async (t) => {
    for (const { when, state, event, around: changes, then, effects, poison } of cases) {
      const step = transition(state, event, around(changes));
      t.match(step.next, then, when);
      t.strictSame(step.effects, effects, `${when}: effects`);
      t.strictSame(step.poison, poison, `${when}: poison`);
    }
  });
}

const other = "other" as ModelName;
export const mateFailed: Partial<Surroundings> = {
  mates: { all: "under way", failed: { slot: other, refusal: final }, isOneFormer: true },
};
export const heldBack = {
  code: "slot-mate",
  message: "Held back, because slot other of the same deployment failed: self-test: case 3 differs",
} as const;

/** Nothing was asked, nothing went wrong. */
export const spotless: SoakObservation = {
  requests: 0,
  failed: 0,
  badOutputs: 0,
  recentCrashes: 0,
  timed: 0,
  latencyP95Ms: undefined,
  budgetP95Ms: undefined,
};
