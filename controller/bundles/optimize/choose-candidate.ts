import type { CandidateFigures } from "./compare-models.ts";

/** Integers must be clearly faster to be worth what they cost in accuracy: less is noise of the measurement. */
const FASTER_SHARE = 0.9;

/** The name of the candidate to write, of those that somebody would want; pure. */
export function chooseCandidate(figures: readonly CandidateFigures[]): string | undefined {
  const [, first, ...others] = figures;
  if (first === undefined) return undefined;
  let best = first;
  for (const other of others) {
    const isFaster = other.p50Ms < FASTER_SHARE * best.p50Ms;
    // What fails is taken only where all fail, for its figures to be shown.
    if (passes(other) && (!passes(best) || isFaster)) best = other;
  }
  return best.name;
}

export function passes({ passedCases, cases }: CandidateFigures): boolean {
  return passedCases === cases;
}
