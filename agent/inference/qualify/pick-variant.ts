import type { VariantFigures } from "../../../protocol/trust/evidence.ts";

/** How much less time a later variant must take: two measurements of the same model differ by more than nothing. */
const FASTER_RATIO = 0.95;

/** The name of the fastest by its 95th percentile; of two within 5 % the one that is listed first. Undefined: none passed. */
export function pickVariant(figures: readonly VariantFigures[]): string | undefined {
  let best: { readonly name: string; readonly p95: number } | undefined;
  for (const { name, latencyP95Ms: p95 } of figures) {
    if (p95 !== undefined && (best === undefined || p95 < best.p95 * FASTER_RATIO)) best = { name, p95 };
  }
  return best?.name;
}
