import type { ModelName } from "../../protocol/ids.ts";
import type { Candidate, InferenceEngine } from "../inference/inference-engine.ts";
import type { Attempt } from "./steps.ts";

/** The one attempt that each slot may have under way. */
export interface Attempts {
  /** The slot's attempt of this number, begun where there is none yet. */
  readonly of: (slot: ModelName, work: number) => Attempt;
  /** Stops it; a runner that it has started is ended in the background. Nothing happens for one that is over. */
  readonly cancel: (slot: ModelName, work: number) => void;
  /** What is under way in the slot, whatever its number. */
  readonly current: (slot: ModelName) => Attempt | undefined;
  readonly cancelAll: () => void;
  /** Ends the runner of an attempt that has one without traffic. */
  readonly discardRunner: (attempt: Attempt) => Promise<void>;
  /** From here on the engine owns the runner: cancelling the attempt must not end what may have the traffic. */
  readonly handOverRunner: (attempt: Attempt) => Candidate | undefined;
}

export function createAttempts(
  engine: Pick<InferenceEngine, "discard">,
  background: (work: Promise<unknown>) => void,
): Attempts {
  const attempts = new Map<ModelName, Attempt>();

  function handOverRunner(attempt: Attempt): Candidate | undefined {
    const { candidate } = attempt;
    delete attempt.candidate;
    return candidate;
  }

  async function discardRunner(attempt: Attempt): Promise<void> {
    const candidate = handOverRunner(attempt);
    if (candidate !== undefined) await engine.discard(candidate);
  }

  function cancel(slot: ModelName, work: number): void {
    const attempt = attempts.get(slot);
    if (attempt?.work !== work) return;
    attempt.stop.abort();
    attempts.delete(slot);
    background(discardRunner(attempt));
  }

  return {
    of: (slot, work) => {
      const known = attempts.get(slot);
      if (known?.work === work) return known;
      const attempt: Attempt = { work, stop: new AbortController() };
      attempts.set(slot, attempt);
      return attempt;
    },
    cancel,
    current: (slot) => attempts.get(slot),
    cancelAll: () => {
      for (const [slot, { work }] of [...attempts]) cancel(slot, work);
    },
    discardRunner,
    handOverRunner,
  };
}
