import type { StatementDigest } from "../../../protocol/ids.ts";
import { WHY_CHARS_MAX, type VariantFigures } from "../../../protocol/trust/evidence.ts";
import { bestThreads, type ThreadPorts } from "./best-threads.ts";
import { firstChoice, type TestedRunner } from "./first-choice.ts";
import { withThreads, type VariantChoices } from "./load-choice.ts";
import { pickVariant } from "./pick-variant.ts";
import { Refused } from "../refused.ts";

/** Which variant of a bundle was the best one on this device, and what all of them measured then. */
export interface VariantChoice {
  readonly variant: string;
  readonly provider: string;
  readonly figures: readonly VariantFigures[];
  /** Of a slow model on the processor: how many were the best. */
  readonly intraOpThreads?: number;
}

/** What was chosen earlier on this very hardware and onnxruntime: a restart does not measure again. */
export interface VariantMemory {
  readonly recall: (statement: StatementDigest) => VariantChoice | undefined;
  /** Resolves when a restart will know it; never rejects. */
  readonly remember: (statement: StatementDigest, choice: VariantChoice) => Promise<void>;
}

export interface BestVariant extends TestedRunner {
  /** Of a bundle with one file: none. */
  readonly figures: readonly VariantFigures[];
}

interface VariantPorts extends ThreadPorts {
  readonly memory: VariantMemory;
}

/**
 * The variant that was the fastest here before, where it still passes on the same provider; else all of them are measured,
 * and then the best one on more threads: one process at a time, so that memory for one is enough. Leaves one process behind, or none where it throws: the
 * reason of the default file where no variant passes, and what is no variant's fault at once.
 */
export async function bestVariant(
  ports: VariantPorts,
  statement: StatementDigest,
  variants: readonly VariantChoices[],
  signal: AbortSignal,
): Promise<BestVariant> {
  const known = await recalled(ports, statement, variants, signal);
  if (known !== undefined) return known;
  const [only, ...others] = variants;
  const passed =
    only !== undefined && others.length === 0
      ? { ...(await firstChoice(ports, only.choices, signal)), figures: [] }
      : await measureAll(ports, variants, signal);
  const best = await bestThreads(ports, passed, signal);
  const { variant, provider, intraOpThreads } = best.choice;
  const threads = intraOpThreads === undefined ? {} : { intraOpThreads };
  if (others.length > 0 || intraOpThreads !== undefined) {
    await ports.memory.remember(statement, { variant, provider, figures: best.figures, ...threads });
  }
  return best;
}

async function recalled(
  ports: VariantPorts,
  statement: StatementDigest,
  variants: readonly VariantChoices[],
  signal: AbortSignal,
): Promise<BestVariant | undefined> {
  const memory = ports.memory.recall(statement);
  const variant = variants.find(({ name }) => name === memory?.variant);
  if (memory === undefined || variant === undefined) return undefined;
  try {
    const found = await firstChoice(ports, withThreads(variant.choices, memory.intraOpThreads), signal);
    if (found.choice.provider === memory.provider) return { ...found, figures: memory.figures };
    await found.runner.end();
  } catch (error) {
    if (signal.aborted || !(error instanceof Refused)) throw error;
  }
  return undefined;
}

async function measureAll(
  ports: VariantPorts,
  variants: readonly VariantChoices[],
  signal: AbortSignal,
): Promise<BestVariant> {
  const tested: TestedRunner[] = [];
  const figures: VariantFigures[] = [];
  const refusals: Refused[] = [];
  for (const { name, choices } of variants) {
    await tested.at(-1)?.runner.end();
    try {
      const runner = await firstChoice(ports, choices, signal);
      tested.push(runner);
      figures.push(figuresOf(name, runner));
    } catch (error) {
      if (signal.aborted || !(error instanceof Refused)) throw error;
      refusals.push(error);
      figures.push({ name, why: error.message.slice(0, WHY_CHARS_MAX) });
    }
  }
  const picked = pickVariant(figures);
  const best = tested.find(({ choice }) => choice.variant === picked);
  if (best === undefined) throw refusals[0] ?? new Error("there is no variant");
  if (best === tested.at(-1) && figures.at(-1)?.name === picked) return { ...best, figures };
  await tested.at(-1)?.runner.end();
  // It has passed: what is left to do is what a restart does.
  return { ...best, ...(await ports.load(best.choice)), figures };
}

function figuresOf(name: string, { choice, test }: TestedRunner): VariantFigures {
  const { latencyP50Ms, latencyP95Ms, memoryBytes } = test.evidence;
  return { name, provider: choice.provider, latencyP50Ms, latencyP95Ms, memoryBytes };
}
