import { WHY_CHARS_MAX, type FailedProvider } from "../../../protocol/trust/evidence.ts";
import type { RefusalCode } from "../../../protocol/trust/refusal.ts";
import type { LoadChoice } from "./load-choice.ts";
import type { SelfTest, WarmRunner } from "./qualify.ts";
import { Refused } from "../refused.ts";

export interface ChoicePorts {
  /** A fresh process; none is left behind where it throws. */
  readonly load: (choice: LoadChoice) => Promise<WarmRunner>;
  /** Leaves no process behind where it throws. */
  readonly test: (loaded: WarmRunner) => Promise<SelfTest>;
  /** Away with what the provider has compiled of this file. False where there was nothing. */
  readonly forgetEngines: (choice: LoadChoice) => Promise<boolean>;
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
      return { ...(await withoutOldEngines(ports, choice, signal)), failed };
    } catch (error) {
      if (at === choices.length - 1 || !isProvidersFault(error, signal)) throw error;
      failed.push({ provider: choice.provider, why: error.message.slice(0, WHY_CHARS_MAX) });
    }
  }
  throw new Error("there is no way to load a model without a provider");
}

/** What was compiled earlier may be at fault, after a power cut or another driver: then it is compiled anew, once. */
async function withoutOldEngines(
  ports: ChoicePorts,
  choice: LoadChoice,
  signal: AbortSignal,
): Promise<Omit<TestedRunner, "failed">> {
  try {
    return await loadAndTest(ports, choice);
  } catch (error) {
    if (!isProvidersFault(error, signal) || !(await ports.forgetEngines(choice))) throw error;
    return loadAndTest(ports, choice);
  }
}

export async function loadAndTest(ports: ChoicePorts, choice: LoadChoice): Promise<Omit<TestedRunner, "failed">> {
  const loaded = await ports.load(choice);
  return { ...loaded, test: await ports.test(loaded) };
}

function isProvidersFault(error: unknown, signal: AbortSignal): error is Refused {
  return !signal.aborted && error instanceof Refused && PROVIDERS_FAULTS.has(error.code);
}

/** What another provider may do better with the same bytes. */
const PROVIDERS_FAULTS: ReadonlySet<RefusalCode> = new Set([
  "model-load",
  "self-test",
  "budget",
  "runner-crash",
  "deadline",
]);
