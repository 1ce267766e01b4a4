/** How many runners a model gets, and with how many threads. */
import type { Serving } from "../../../protocol/bundle/serving.ts";

export interface Share {
  readonly instances: number;
  readonly intraOpThreads: number;
  /** What a model may get that is so slow that they are worth it (`best-threads.ts`). */
  readonly mostThreads: number;
}

/** Edge models have no operators large enough to keep more threads busy. */
const THREADS_DEFAULT_MAX = 4;

/**
 * Never more threads than processors, all instances together: what waits for a processor computes later than it would have
 * with fewer threads. Where the model leaves it to the device, one processor is left to the agent.
 */
export function shareProcessors({ instances = 1, intraOpThreads }: Serving, processors: number): Share {
  const most = Math.max(1, Math.floor(processors));
  const shared = Math.min(instances, most);
  const eachMost = Math.max(1, Math.floor(most / shared));
  const eachDefault = Math.max(1, Math.min(THREADS_DEFAULT_MAX, Math.floor((most - 1) / shared)));
  return {
    instances: shared,
    intraOpThreads: Math.min(intraOpThreads ?? eachDefault, eachMost),
    mostThreads: Math.min(intraOpThreads ?? THREADS_DEFAULT_MAX, eachMost),
  };
}
