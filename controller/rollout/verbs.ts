/** What a person may tell a rollout to do: four verbs that mean four things, and two that let it go on. Pure: `apply-verb.ts` acts. */
import type { RolloutState } from "../store/rollout-state.ts";
import { devicesText } from "./end-of-rollout.ts";
import type { RolloutFacts } from "./situation.ts";
import { Counts, type Tally } from "./tally.ts";

export type Verb =
  /** Nothing more is issued until it is resumed; what is under way goes on. */
  | { readonly kind: "pause" }
  /** Goes on; `waiveGates` lets the present stage through whatever its gates say. */
  | { readonly kind: "resume"; readonly waiveGates: boolean }
  /** Stops for good, and leaves every device as it is. */
  | { readonly kind: "abort" }
  /** Stops, and takes every device that it changed back to what it had. */
  | { readonly kind: "rollback" }
  /** Yes to the stage that waits, or to the next one that will. */
  | { readonly kind: "approve" }
  /** Devices that failed are tried again. */
  | { readonly kind: "retry" };

export interface VerbQuestion {
  readonly rollout: RolloutFacts;
  readonly author: string | null;
  readonly tally: Tally;
  readonly verb: Verb;
  /** Who asks. */
  readonly by: string;
  readonly nowMs: number;
}

export type VerbAnswer =
  | { readonly kind: "refused"; readonly why: string; readonly hint: string }
  /** The author cannot say yes to what is their own. */
  | { readonly kind: "needs-another"; readonly why: string }
  | { readonly kind: "done"; readonly change: RolloutChange; readonly text: string };

/** What becomes different of the rollout; what is left out stays. */
export type RolloutChange = Partial<
  Pick<RolloutFacts, "state" | "why" | "phase" | "sinceMs" | "approvals" | "gatesWaivedStage" | "failuresAccepted">
>;

export function answerVerb(question: VerbQuestion): VerbAnswer {
  switch (question.verb.kind) {
    case "pause":
      return pause(question);
    case "resume":
      return resume(question, question.verb.waiveGates);
    case "abort":
      return abort(question);
    case "rollback":
      return rollBack(question);
    case "approve":
      return approve(question);
    case "retry":
      return retry(question);
  }
}

function pause({ rollout, by }: VerbQuestion): VerbAnswer {
  if (rollout.state !== "running") return refused(rollout, "is not running: there is nothing to pause");
  return done({ state: "paused", why: `paused by ${by}` }, `paused by ${by}`);
}

/** Whoever resumes has seen the failures there are: the criteria begin to count above them. */
function resume({ rollout, tally, by, nowMs }: VerbQuestion, waiveGates: boolean): VerbAnswer {
  if (rollout.state !== "paused") return refused(rollout, "is not paused: there is nothing to resume");
  if (waiveGates && rollout.spec.gates.length === 0) return refused(rollout, "has no gates to pass by");
  const failuresAccepted = new Counts(tally).count(({ state }) => state === "failed");
  const change: RolloutChange = {
    state: "running",
    why: null,
    failuresAccepted,
    ...(rollout.phase === "gates" ? { sinceMs: nowMs } : {}),
    ...(waiveGates ? { gatesWaivedStage: rollout.stage } : {}),
  };
  const more = [
    failuresAccepted > rollout.failuresAccepted ? `with ${devicesText(failuresAccepted)} failed` : undefined,
    waiveGates ? `without the gates of stage ${stageName(rollout, rollout.stage)}` : undefined,
  ].filter((part) => part !== undefined);
  return done(change, [`resumed by ${by}`, ...more].join(", "));
}

function abort({ rollout, by }: VerbQuestion): VerbAnswer {
  if (!UNDER_WAY.has(rollout.state)) return refused(rollout, "is over: there is nothing to abort");
  return done({ state: "aborted", why: `aborted by ${by}` }, `aborted by ${by}: devices keep what they have`);
}

function rollBack({ rollout, tally, by }: VerbQuestion): VerbAnswer {
  if (rollout.state === "rolling-back") return refused(rollout, "is rolling back already");
  const changed = new Counts(tally).count(({ ask, live }) => live && ask === "forward");
  if (changed === 0) return refused(rollout, "has no device left that it changed: there is nothing to take back");
  const text = `rolled back by ${by}`;
  return done({ state: "rolling-back", why: text }, `${text}: ${devicesText(changed)} to take back`);
}

function approve({ rollout, author, by, nowMs }: VerbQuestion): VerbAnswer {
  if (rollout.state !== "running" && rollout.state !== "paused")
    return refused(rollout, "has no stage left to approve");
  const stage = stageToApprove(rollout);
  if (stage === undefined) return refused(rollout, "has no stage that waits for an approval");
  const name = stageName(rollout, stage);
  if (by === author) {
    return { kind: "needs-another", why: `${by} began rollout ${rollout.id} and cannot approve its stage ${name}` };
  }
  const approvals = [...rollout.approvals, { stage, by, atMs: nowMs }];
  return done({ approvals }, `stage ${name} approved by ${by}`);
}

/** Of the stages that ask for it, the first that nobody has approved and that has not begun. */
export function stageToApprove({ spec, stage, phase, approvals }: RolloutFacts): number | undefined {
  const from = phase === "approval" ? stage : stage + 1;
  const at = spec.stages.findIndex(
    ({ approval }, index) =>
      index >= from && approval === "required" && !approvals.some((given) => given.stage === index),
  );
  return at < 0 ? undefined : at;
}

function retry({ rollout, tally, by, nowMs }: VerbQuestion): VerbAnswer {
  if (rollout.state === "aborted" || rollout.state === "superseded") return refused(rollout, `is ${rollout.state}`);
  const failed = new Counts(tally).count(({ state, live }) => live && state === "failed");
  if (failed === 0) return refused(rollout, "has no failed device that it may try again");
  const change: RolloutChange =
    rollout.state === "failed" ? { state: "running", why: null, phase: "deploying", sinceMs: nowMs } : {};
  return done(change, `failed devices are tried again, by ${by}`);
}

const UNDER_WAY: ReadonlySet<RolloutState> = new Set<RolloutState>(["running", "paused", "rolling-back"]);

function stageName({ spec }: RolloutFacts, stage: number): string {
  return `${stage + 1} (${spec.stages[stage]?.name ?? ""})`;
}

function refused({ id, state, why }: RolloutFacts, what: string): VerbAnswer {
  return {
    kind: "refused",
    why: `Rollout ${id} ${what}. It is ${state}${why === null ? "" : `: ${why}`}`,
    hint: `See it with: ferry rollout status ${id}`,
  };
}

function done(change: RolloutChange, text: string): VerbAnswer {
  return { kind: "done", change, text };
}
