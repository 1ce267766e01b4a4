/** Whether the next version of a model loads beside the one that answers, or in its place. */

export interface MemoryFacts {
  /** What processes may still take, by the system or by the limit of this one's group; undefined where nobody can tell. */
  readonly availableBytes: number | undefined;
  /** What all runners of the next version take at their peak, beyond what they share with those that are there. */
  readonly needBytes: number;
  /** What it takes at the very least: as it was measured here, or its weights once and a process around them. */
  readonly leastBytes: number;
  /** What the slot's standby would give back; 0 where there is none, or none that is loaded. */
  readonly standbyBytes: number;
  /** Whether something answers in the slot, which could be unloaded. */
  readonly isServing: boolean;
}

export type MemoryPlan =
  /** The next one loads beside what there is. */
  | "load-first"
  /** It fits once the standby has ended: traffic does not notice. */
  | "unload-standby"
  /** What answers ends first: requests wait until the next one, or again the former, is loaded. */
  | "unload-first"
  /** Nothing answers in the slot yet, and there is no room beside the models of the others. */
  | "refuse";

/** Stays free for the agent itself, its databases, and the system that it is a guest on: the same as on the disk. */
export const MEMORY_RESERVE_BYTES = 64 * 1024 ** 2;

/**
 * Where neither way fits, unloading first is still the one that comes closer; a load that fails then is turned back. A slot
 * that is empty has nothing to give: there only what cannot fit is refused, because an estimate may be twice too high.
 */
export function planMemory(facts: MemoryFacts): MemoryPlan {
  const { availableBytes, needBytes, leastBytes, standbyBytes, isServing } = facts;
  if (availableBytes === undefined) return "load-first";
  if (!isServing) return leastBytes + MEMORY_RESERVE_BYTES <= availableBytes ? "load-first" : "refuse";
  const lackBytes = needBytes + MEMORY_RESERVE_BYTES - availableBytes;
  if (lackBytes <= 0) return "load-first";
  return lackBytes <= standbyBytes ? "unload-standby" : "unload-first";
}

/**
 * How many runners of a model fit into what is free when all that could end has ended: at least one, and no more than are
 * wanted. Where nobody can tell what is free, all of them.
 */
export function fittingInstances(wanted: number, needBytes: number, freeBytes: number | undefined): number {
  if (freeBytes === undefined) return wanted;
  return Math.max(1, Math.min(wanted, Math.floor((freeBytes - MEMORY_RESERVE_BYTES) / needBytes)));
}

/** Private memory of a runner with onnxruntime and the smallest of models: 31 MB measured, and some for its tensors. */
const RUNNER_BYTES = 48e6;
/**
 * Private memory at the peak of loading, for each byte of the bundle: onnxruntime holds the file and the weights made of
 * it. 1.3 to 1.9 measured for models of 20 to 300 MB; an image model's activations come on top.
 */
const BYTES_PER_FILE_BYTE = 2.5;

/** For a bundle that was not loaded here yet. */
export function estimatedNeedBytes(bundleBytes: number): number {
  return RUNNER_BYTES + bundleBytes * BYTES_PER_FILE_BYTE;
}

/** Private memory of a runner with the smallest of models, measured; no model takes less than its weights once. */
const RUNNER_LEAST_BYTES = 30e6;

/** For a bundle that was not loaded here yet; 1.14 times the file is the least that was seen, with 300 MB of weights. */
export function leastNeedBytes(bundleBytes: number): number {
  return RUNNER_LEAST_BYTES + bundleBytes;
}
