import { CRASH_WINDOW_MS, type ObservedFigures } from "../inference-engine.ts";
import { percentile } from "../percentile.ts";

/** As many as say what the 95th percentile is, and few enough that it follows a change. */
export const LATENCIES_MAX = 512;
/** Restarts wait longer and longer: a minute does not hold as many crashes. */
const CRASHES_MAX = 64;

/** Counts how one version does, from the moment it gets the traffic of its slot. Times are of a clock that never jumps. */
export class Observation {
  #requests = 0;
  #timed = 0;
  #failed = 0;
  #badOutputs = 0;
  #crashes = 0;
  readonly #latenciesMs: number[] = [];
  readonly #crashedAtMs: number[] = [];

  /** `inferMs` is undefined where the time says nothing of the version. */
  answered({ inferMs, hasBadOutput }: { readonly inferMs: number | undefined; readonly hasBadOutput: boolean }): void {
    if (inferMs !== undefined) {
      this.#latenciesMs[this.#timed % LATENCIES_MAX] = inferMs;
      this.#timed += 1;
    }
    this.#requests += 1;
    if (hasBadOutput) this.#badOutputs += 1;
  }

  failed(isModelsFault: boolean): void {
    this.#requests += 1;
    if (isModelsFault) this.#failed += 1;
  }

  crashed(nowMs: number): void {
    this.#crashes += 1;
    this.#crashedAtMs.push(nowMs);
    if (this.#crashedAtMs.length > CRASHES_MAX) this.#crashedAtMs.shift();
  }

  figures(nowMs: number): ObservedFigures {
    const ascending = [...this.#latenciesMs].sort((a, b) => a - b);
    return {
      requests: this.#requests,
      failed: this.#failed,
      badOutputs: this.#badOutputs,
      crashes: this.#crashes,
      recentCrashes: this.#crashedAtMs.filter((atMs) => atMs > nowMs - CRASH_WINDOW_MS).length,
      timed: this.#timed,
      latencyP95Ms: percentile(ascending, 0.95),
    };
  }
}
