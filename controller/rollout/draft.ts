/** A decision under way: what has been decided so far, and what may still be. */
import type { RolloutState } from "../store/rollout-state.ts";
import type { Decision, MemberStanding, Situation } from "./situation.ts";
import { Counts } from "./tally.ts";

export class Draft {
  readonly situation: Situation;
  readonly counts: Counts;
  readonly decisions: Decision[] = [];
  /** Of `situation.members`, at the same index, as decided so far. */
  readonly standings: MemberStanding[];
  /** New devices that may still be begun, or turned back. */
  startsLeft: number;
  /** Further tries of devices that are under way already, which no rate holds back. */
  repeatsLeft: number;

  constructor(situation: Situation) {
    this.situation = situation;
    this.counts = new Counts(situation.tally);
    this.standings = situation.members.map((member) => member);
    this.repeatsLeft = mayIssueAtAll(situation) ? situation.changesMax : 0;
    this.startsLeft = Math.max(0, Math.min(this.repeatsLeft, ratesLeave(situation, this.counts)));
  }

  /** A mark that says what is known already is none. */
  mark(at: number, changes: Partial<MemberStanding>): void {
    const from = this.standings[at];
    if (from !== undefined && differs(from, changes)) this.#put("mark", at, { ...standingOf(from), ...changes });
  }

  issue(at: number, changes: Partial<MemberStanding>): void {
    this.#begin("issue", at, changes);
  }

  revert(at: number, changes: Partial<MemberStanding>): void {
    this.#begin("revert", at, changes);
  }

  settle(state: RolloutState, why: string | null): void {
    this.decisions.push({ kind: "settle", state, why });
  }

  #begin(kind: "issue" | "revert", at: number, changes: Partial<MemberStanding>): void {
    const from = this.standings[at];
    if (from === undefined) return;
    this.#put(kind, at, { ...standingOf(from), ...changes });
    this.startsLeft -= 1;
    this.repeatsLeft -= 1;
  }

  #put(kind: "issue" | "revert" | "mark", at: number, to: MemberStanding): void {
    const member = this.situation.members[at];
    const from = this.standings[at];
    if (member === undefined || from === undefined) return;
    this.decisions.push({ kind, device: member.device, to });
    this.counts.move(from, to);
    this.standings[at] = to;
  }
}

/** The standing alone, without what else is known of a member. */
function standingOf({ state, stage, ask, live, reachable, tries, why }: MemberStanding): MemberStanding {
  return { state, stage, ask, live, reachable, tries, why };
}

function differs(from: MemberStanding, changes: Partial<MemberStanding>): boolean {
  return (Object.keys(changes) as (keyof MemberStanding)[]).some((key) => from[key] !== changes[key]);
}

/** The way back does not wait for a window: what is bad must not stay for its sake. */
function mayIssueAtAll({ rollout, window }: Situation): boolean {
  switch (rollout.state) {
    case "running":
    case "completed":
    case "failed":
      return window === null || window.open;
    case "rolling-back":
    case "rolled-back":
      return true;
    case "paused":
    case "aborted":
    case "superseded":
      return false;
  }
}

function ratesLeave({ rollout, begunLately }: Situation, counts: Counts): number {
  const { perMinute, concurrent } = rollout.spec.rate;
  const underWay = counts.count(
    ({ state, ask, live }) => live && (state === "deploying" || (state === "reverting" && ask === "back")),
  );
  return Math.min(
    perMinute === null ? Infinity : perMinute - begunLately,
    concurrent === null ? Infinity : concurrent - underWay,
  );
}
