/** Whether a version of the agent does what the one before it did. Pure. */
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";

/** What a slot answered with before the agent was exchanged. */
export interface ServedBefore {
  readonly slot: ModelName;
  readonly statement: StatementDigest;
}

export interface HealthFacts {
  readonly before: readonly ServedBefore[];
  /** What answers: each passed its golden set when this process loaded it. */
  readonly served: readonly (ServedBefore & { readonly ready: boolean })[];
  /** What the deployment wishes of each slot by now; a slot that is not here is to be empty. */
  readonly wished: ReadonlyMap<ModelName, StatementDigest | undefined>;
}

export type Health =
  | { readonly kind: "healthy"; readonly models: number }
  /** `why`: a sentence without its full stop. */
  | { readonly kind: "waiting"; readonly why: string }
  | { readonly kind: "unhealthy"; readonly why: string };

/** Of a process that has opened its databases, has a fresh deployment, and has brought back all models that it could. */
export function judgeHealth({ before, served, wished }: HealthFacts): Health {
  const expected = before.filter(({ slot }) => wished.has(slot));
  const missing = expected.filter(({ slot, statement }) => {
    const now = served.find((one) => one.slot === slot);
    return now === undefined || (now.statement !== statement && now.statement !== wished.get(slot));
  });
  if (missing.length > 0) {
    const names = missing.map(({ slot }) => slot).join(", ");
    return {
      kind: "unhealthy",
      why: `${names} answered under the version before, and cannot be brought to answer again`,
    };
  }
  const restarting = served.filter(({ slot, ready }) => !ready && expected.some((one) => one.slot === slot));
  if (restarting.length > 0) {
    return { kind: "waiting", why: `${restarting.map(({ slot }) => slot).join(", ")} is being started again` };
  }
  return { kind: "healthy", models: expected.length };
}
