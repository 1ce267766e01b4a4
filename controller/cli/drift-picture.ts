import pc from "picocolors";
import type { DriftBin, DriftVerdict } from "../drift/drift-shape.ts";
import { width } from "./output.ts";

/** Places of the longest bar; two of them and a name fit 80 columns. */
const BAR_CHARS = 24;
/** Rows of one picture. */
const ROWS_MAX = 24;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Both histograms side by side, as shares. */
export function drawDrift({
  verdict,
  bins,
}: {
  readonly verdict: DriftVerdict;
  readonly bins: readonly DriftBin[];
}): string {
  const { slot, version, feature, sentence, referenceSamples, samples, reference } = verdict;
  const shown = bins.length <= ROWS_MAX ? bins : largest(bins);
  const sums = [sumOf(bins, "reference"), sumOf(bins, "current")] as const;
  const shares = shown.map((bin) => [bin.reference / sums[0], bin.current / sums[1]] as const);
  const most = Math.max(...shares.flat(), Number.MIN_VALUE);
  const names = shown.map(({ name }) => name);
  const nameChars = Math.max(...names.map(width), 4);
  const half = BAR_CHARS + 6;
  const head = `${" ".repeat(nameChars)}  ${`reference (${reference}, ${referenceSamples})`.padEnd(half)}  now (${samples})`;
  const rows = shares.map(([before, now], at) => {
    const isMoved = Math.abs(now - before) > 0.05;
    const bar = (share: number) => `${percent(share)} ${barOf(share / most)}`;
    const right = bar(now);
    return `${(names[at] ?? "").padStart(nameChars)}  ${bar(before).padEnd(half)}  ${isMoved ? pc.yellow(right) : right}`;
  });
  return [pc.bold(`${slot}@${version}  ${feature}`), "", pc.dim(head), ...rows, "", sentence].join("\n");
}

/** In their order. */
function largest(bins: readonly DriftBin[]): readonly DriftBin[] {
  const kept = new Set(bins.toSorted((a, b) => b.reference + b.current - a.reference - a.current).slice(0, ROWS_MAX));
  return bins.filter((bin) => kept.has(bin));
}

function sumOf(bins: readonly DriftBin[], side: "reference" | "current"): number {
  return Math.max(
    1,
    bins.reduce((sum, bin) => sum + bin[side], 0),
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`.padStart(6);
}

function barOf(share: number): string {
  const eighths = Math.round(share * BAR_CHARS * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}
