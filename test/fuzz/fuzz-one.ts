/** Makes inputs for one target until its share is used up, and keeps those that reach code which none has reached. */
import type { Coverage } from "./coverage.ts";
import type { FuzzFailure, FuzzTarget } from "./fuzz-target.ts";
import { nextInput } from "./next-input.ts";
import { openRandom, seedFor } from "./random.ts";
import { tryInput } from "./try-input.ts";

/** Between two looks at what has been reached: a look takes about 2 ms, an input of a cheap decoder 20 µs. */
const BATCH_INPUTS = 128;
/** Inputs to start from; beyond it the oldest of those that were found is forgotten, never a seed. */
const CORPUS_MAX = 512;
/** One target's failures of one run: more of them say the same. */
export const FAILURES_MAX = 3;

export interface FuzzShare {
  /** Of a cheap decoder; a dearer one gets fewer. */
  readonly inputsMax: number;
  readonly msMax: number;
}

export interface FuzzPorts {
  readonly target: FuzzTarget;
  readonly seed: number;
  readonly share: FuzzShare;
  readonly coverage: Coverage;
  /** Seeds that were kept of faults found before. */
  readonly regressions: readonly Uint8Array[];
  /** Called before an input is tried: whoever looks after a crash knows which one it was. */
  readonly onInput: (input: Uint8Array) => void;
  readonly onFailure: (failure: FuzzFailure) => void;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Inputs that reached something. */
  readonly kept: number;
  readonly failures: number;
}

/** The same seed, share of inputs and sources give the same inputs. */
export async function fuzzOne(ports: FuzzPorts): Promise<FuzzResult> {
  const { target, seed, share, coverage, regressions, onInput, onFailure } = ports;
  const random = openRandom(seedFor(seed, target.name));
  const seeds = [...(await target.seeds()), ...regressions];
  const found: Uint8Array[] = [];
  let [inputs, failures] = [0, 0];

  async function attempt(batch: readonly Uint8Array[]): Promise<void> {
    for (const input of batch) {
      if (failures >= FAILURES_MAX) return;
      onInput(input);
      inputs += 1;
      const why = await tryInput(target, input);
      if (why === undefined) continue;
      failures += 1;
      onFailure({ target: target.name, why, input });
    }
  }

  /** Which of a batch that reached something did: by halves, because looking costs more than trying again. */
  async function keepReaching(batch: readonly Uint8Array[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2);
    for (const half of batch.length === 1 ? [batch] : [batch.slice(0, middle), batch.slice(middle)]) {
      await attempt(half);
      const [first, another] = half;
      if (another !== undefined) {
        if (coverage.wouldReach() > 0) await keepReaching(half);
      } else if (first !== undefined && coverage.reached() > 0) {
        found.push(first);
        if (found.length > CORPUS_MAX) found.shift();
      }
    }
  }

  coverage.skip();
  await attempt(seeds);
  coverage.reached();
  const startedMs = performance.now();
  const inputsMax = Math.max(1, Math.floor(share.inputsMax / (target.cost ?? 1)));
  const batchInputs = Math.max(1, Math.floor(BATCH_INPUTS / (target.cost ?? 1)));
  for (let made = 0; made < inputsMax && failures < FAILURES_MAX; made += batchInputs) {
    if (performance.now() - startedMs > share.msMax) break;
    const corpus = [...seeds, ...found];
    const batch = Array.from({ length: batchInputs }, () => nextInput(target, corpus, random));
    await attempt(batch);
    if (coverage.wouldReach() > 0) await keepReaching(batch);
  }
  return { inputs, kept: found.length, failures };
}
