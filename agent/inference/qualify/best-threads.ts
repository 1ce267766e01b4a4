import { loadAndTest, type ChoicePorts, type TestedRunner } from "./first-choice.ts";
import { Refused } from "../refused.ts";

export interface ThreadPorts extends ChoicePorts {
  /** Of the model's share of the processors (`share-processors.ts`). */
  readonly threads: { readonly usual: number; readonly most: number };
}

/** A faster model is asked so often that the agent needs its processor more than the model does. */
const SLOW_MS_MIN = 4;
/** What they must save at the least for what they take from all else on the device. */
const TIME_RATIO_MAX = 0.8;

/**
 * A slow model that leaves its threads to the device is measured with the processor that the agent would have for itself too:
 * 9 instead of 13 ms for a model of pictures on two. The agent goes on beside it, because its runners stand behind it
 * (`process-priority.ts`). Owns the process of `tested`, and leaves one behind, or none where it throws.
 */
export async function bestThreads<T extends TestedRunner>(
  ports: ThreadPorts,
  tested: T,
  signal: AbortSignal,
): Promise<T> {
  const { usual, most } = ports.threads;
  const usualMs = tested.test.evidence.latencyP50Ms;
  if (tested.choice.provider !== "cpu" || most <= usual || usualMs < SLOW_MS_MIN) return tested;
  const on = (threads: number) => ({ ...tested.choice, intraOpThreads: threads });
  await tested.runner.end();
  try {
    const more = await loadAndTest(ports, on(most));
    if (more.test.evidence.latencyP50Ms <= usualMs * TIME_RATIO_MAX) return { ...tested, ...more };
    await more.runner.end();
  } catch (error) {
    if (signal.aborted || !(error instanceof Refused)) throw error;
  }
  // It has passed: what is left to do is what a restart does.
  return { ...tested, ...(await ports.load(on(usual))) };
}
