/** The word that was probably meant, if one is near: a third of its letters may differ. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  const near = words
    .map((other) => ({ other, distance: editDistance(word.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, distance }) => distance <= Math.max(1, Math.floor(other.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.other;
}

/** Letters to insert, delete, replace or swap with their neighbour. Words of a file are short: 64 letters are compared. */
function editDistance(a: string, b: string): number {
  const [from, to] = [Array.from(a.slice(0, 64)), Array.from(b.slice(0, 64))];
  let twoBack: number[] = [];
  let last = [0, ...to.map((_, at) => at + 1)];
  from.forEach((letter, row) => {
    const next = [row + 1];
    to.forEach((other, column) => {
      const isSwap = row > 0 && column > 0 && letter === to[column - 1] && from[row - 1] === other;
      next.push(
        Math.min(
          (last[column + 1] ?? 0) + 1,
          (next[column] ?? 0) + 1,
          (last[column] ?? 0) + (letter === other ? 0 : 1),
          isSwap ? (twoBack[column - 1] ?? 0) + 1 : Infinity,
        ),
      );
    });
    twoBack = last;
    last = next;
  });
  return last[to.length] ?? 0;
}
