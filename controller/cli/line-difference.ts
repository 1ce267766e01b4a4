/** Two texts compared line by line, as `diff -u` shows them. */
import pc from "picocolors";

export interface DifferenceLine {
  readonly kind: "same" | "removed" | "added";
  readonly text: string;
}

/** Pairs of lines that are compared at most: 30 ms. Beyond it the changed middle is shown as removed and added whole. */
const PAIRS_MAX = 4_000_000;

export function lineDifference(before: string, after: string): readonly DifferenceLine[] {
  const [from, to] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start += 1;
  let end = 0;
  while (end < from.length - start && end < to.length - start && from.at(-1 - end) === to.at(-1 - end)) end += 1;
  const middle = changedLines(from.slice(start, from.length - end), to.slice(start, to.length - end));
  return [...from.slice(0, start).map(same), ...middle, ...from.slice(from.length - end).map(same)];
}

function same(text: string): DifferenceLine {
  return { kind: "same", text };
}

function changedLines(from: readonly string[], to: readonly string[]): readonly DifferenceLine[] {
  const lines: DifferenceLine[] = [];
  const common = from.length * to.length > PAIRS_MAX ? undefined : commonLengths(from, to);
  let [a, b] = [0, 0];
  while (a < from.length || b < to.length) {
    const [mine, other] = [from[a], to[b]];
    if (common !== undefined && mine !== undefined && mine === other) {
      lines.push(same(mine));
      [a, b] = [a + 1, b + 1];
    } else if (
      mine !== undefined &&
      (other === undefined || lengthAt(common, a + 1, b) >= lengthAt(common, a, b + 1))
    ) {
      lines.push({ kind: "removed", text: mine });
      a += 1;
    } else {
      lines.push({ kind: "added", text: other ?? "" });
      b += 1;
    }
  }
  return lines;
}

type Lengths = readonly Uint32Array[];

function lengthAt(common: Lengths | undefined, a: number, b: number): number {
  return common?.[a]?.[b] ?? 0;
}

/** How many lines two tails have in common, in order, for each pair of places. */
function commonLengths(from: readonly string[], to: readonly string[]): Lengths {
  const rows = Array.from({ length: from.length + 1 }, () => new Uint32Array(to.length + 1));
  for (let a = from.length - 1; a >= 0; a -= 1) {
    const row = rows[a] ?? new Uint32Array();
    for (let b = to.length - 1; b >= 0; b -= 1) {
      row[b] =
        from[a] === to[b] ? 1 + lengthAt(rows, a + 1, b + 1) : Math.max(lengthAt(rows, a + 1, b), row[b + 1] ?? 0);
    }
  }
  return rows;
}

/** Lines around a change that tell where it is. */
const CONTEXT_LINES = 3;

/** For a terminal; empty where nothing differs. */
export function differenceText(lines: readonly DifferenceLine[]): string {
  const isNear = lines.map((_, at) =>
    lines.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some(({ kind }) => kind !== "same"),
  );
  return lines
    .flatMap((line, at) => {
      if (isNear[at] === true) return [lineText(line)];
      return isNear[at - 1] === true && isNear.slice(at).includes(true) ? [pc.dim("  …")] : [];
    })
    .join("\n");
}

function lineText({ kind, text }: DifferenceLine): string {
  switch (kind) {
    case "same":
      return `  ${text}`;
    case "removed":
      return pc.red(`- ${text}`);
    case "added":
      return pc.green(`+ ${text}`);
  }
}
