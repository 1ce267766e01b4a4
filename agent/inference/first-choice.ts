import { WHY_CHARS_MAX, type FailedProvider } from "../../protocol/trust/evidence.ts";
import type { RefusalCode } from "../../protocol/trust/refusal.ts";
import type { LoadChoice } from "./load-choice.ts";
import type { SelfTest, WarmRunner } from "./qualify.ts";
import { Refused } from "./refused.ts";

export interface ChoicePorts {
  /** A fresh process; none is left behind where it throws. */
  readonly load: (choice: LoadChoice) => Promise<WarmRunner>;
  /** Leaves no process behind where it throws. */
  readonly test: (loaded: WarmRunner) => Promise<SelfTest>;
}

export interface TestedRunner extends WarmRunner {
  readonly test: SelfTest;
  /** What came before it, and why each is not used. */
  readonly failed: readonly FailedProvider[];
}

/**
 * The first of the choices that loads and passes its self-test; each is tried in a process of its own, because a provider
 * that fails may take its process with it. Throws what the last one, the processor, fails with, and at once what is
 * the fault of no provider, or where it was stopped.
 */
export async function firstChoice(
  ports: ChoicePorts,
  choices: readonly LoadChoice[],
  signal: AbortSignal,
): Promise<TestedRunner> {
  const failed: FailedProvider[] = [];
  for (const [at, choice] of choices.entries()) {
    try {
      const loaded = await ports.load(choice);
      return { ...loaded, test: await ports.test(loaded), failed };
    } catch (error) {
      const isLast = at === choices.length - 1;
      if (isLast || signal.aborted || !(error instanceof Refused) || !PROVIDERS_FAULTS.has(error.code)) throw error;
      failed.push({ provider: choice.provider, why: error.message.slice(0, WHY_CHARS_MAX) });
    }
  }
  throw new Error("there is no way to load a model without a provider");
}

/** What another provider may do better with the same bytes. */
const PROVIDERS_FAULTS: ReadonlySet<RefusalCode> = new Set([
  "model-load",
  "self-test",
  "budget",
  "runner-crash",
  "deadline",
]);
