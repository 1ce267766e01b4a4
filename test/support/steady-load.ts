import { setTimeout as sleep } from "node:timers/promises";
import { askOverJson, type Digit, type DigitAnswer } from "./digits.ts";

export interface LoadResult {
  readonly answers: readonly { readonly digit: Digit; readonly answer: DigitAnswer; readonly tookMs: number }[];
  /** What each failed request said; empty when none did. */
  readonly failures: readonly string[];
}

/** Answers that are kept: a minute at 200 a second. */
const ANSWERS_MAX = 12_000;

/** Asks one device about one digit after another at a steady pace, until it is stopped. */
export function startSteadyLoad(
  deviceUrl: string,
  digits: readonly Digit[],
  perSecond: number,
): { stop: () => Promise<LoadResult> } {
  const ending = new AbortController();
  const answers: LoadResult["answers"][number][] = [];
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();

  const ask = async (digit: Digit) => {
    const startedMs = performance.now();
    try {
      const answer = await askOverJson(deviceUrl, digit);
      if (answers.length < ANSWERS_MAX) answers.push({ digit, answer, tookMs: performance.now() - startedMs });
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };

  const running = (async () => {
    const startedMs = performance.now();
    for (let at = 0; !ending.signal.aborted; at += 1) {
      const digit = digits[at % digits.length];
      if (digit === undefined) throw new Error("there are no digits to ask about");
      const request = ask(digit).finally(() => inFlight.delete(request));
      inFlight.add(request);
      // Paced by the clock, not by the answers: a device that is slow for a moment gets its requests all the same.
      await sleep(Math.max(0, startedMs + ((at + 1) * 1_000) / perSecond - performance.now()));
    }
    await Promise.all(inFlight);
  })();

  return {
    stop: async () => {
      ending.abort();
      await running;
      return { answers, failures };
    },
  };
}

/** The value below which the given share of the requests' times lies, in milliseconds. */
export function quantileMs({ answers }: LoadResult, share: number): number {
  const times = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
}
