/** How many members stand where: so that a decision about a few devices need not look at the others. */
import type { Ask, RolloutDeviceState } from "../store/rollout-state.ts";

/** What members are counted by. */
export interface Standing {
  readonly state: RolloutDeviceState;
  /** The stage that took the device; null until then. */
  readonly stage: number | null;
  readonly ask: Ask;
  /** False once a later rollout of the same model has the device: what is heard of it is not about this one any more. */
  readonly live: boolean;
  /** Online, and able to be asked: shares and quorum are over these. */
  readonly reachable: boolean;
}

export interface TallyCell extends Standing {
  readonly count: number;
}

export type Tally = readonly TallyCell[];

export function tallyOf(members: Iterable<Standing>): Tally {
  const counts = new Counts([]);
  for (const member of members) counts.add(member, 1);
  return counts.cells();
}

const STATES: readonly RolloutDeviceState[] = [
  "waiting",
  "deploying",
  "done",
  "failed",
  "superseded",
  "reverting",
  "reverted",
];

/** A tally under way: members move from one cell to another while it is decided about them. */
export class Counts {
  /** By `indexOf`; holes are zeros. */
  readonly #counts: number[] = [];

  constructor(tally: Tally) {
    for (const cell of tally) this.add(cell, cell.count);
  }

  add(standing: Standing, count: number): void {
    const at = indexOf(standing);
    this.#counts[at] = (this.#counts[at] ?? 0) + count;
  }

  move(from: Standing, to: Standing): void {
    this.add(from, -1);
    this.add(to, 1);
  }

  count(matches: (standing: Standing) => boolean): number {
    let sum = 0;
    for (const cell of this.cells()) if (matches(cell)) sum += cell.count;
    return sum;
  }

  cells(): TallyCell[] {
    return this.#counts.flatMap((count, at) => (count === 0 ? [] : [{ ...standingAt(at), count }]));
  }
}

const ASKS: readonly Ask[] = ["none", "forward", "back"];

/** Stage, state, ask, live, reachable as digits of one number: below two thousand. */
function indexOf({ state, stage, ask, live, reachable }: Standing): number {
  const stateAndStage = ((stage ?? -1) + 1) * STATES.length + STATES.indexOf(state);
  const asked = stateAndStage * ASKS.length + ASKS.indexOf(ask);
  return asked * 4 + (live ? 2 : 0) + (reachable ? 1 : 0);
}

function standingAt(index: number): Standing {
  const asked = Math.floor(index / 4);
  const stateAndStage = Math.floor(asked / ASKS.length);
  const stage = Math.floor(stateAndStage / STATES.length) - 1;
  return {
    state: STATES[stateAndStage % STATES.length] ?? "waiting",
    stage: stage < 0 ? null : stage,
    ask: ASKS[asked % ASKS.length] ?? "none",
    live: (index & 2) !== 0,
    reachable: (index & 1) !== 0,
  };
}
