import t from "tap";
import { BinCounts } from "../../protocol/bin-counts.ts";

function countsOf(pairs: readonly (readonly [number, number])[]): BinCounts {
  const counts = new BinCounts();
  for (const [index, count] of pairs) counts.add(index, count);
  return counts;
}

t.test("counts survive their text, and add up", async (t) => {
  const counts = countsOf([
    [5, 1],
    [-3, 36],
    [200, 7],
  ]);
  const text = counts.toText(-10, 100);
  t.equal(text, "7.10 8 5f.7");
  const read = BinCounts.fromText(text, -10, 300);
  read.merge(counts);
  t.equal(read.total, 88);
  t.same(read.ascending(), [
    [-3, 72],
    [5, 2],
    [200, 14],
  ]);
});

t.test("where there are too many bins, the lowest ones share one, and no count is lost", async (t) => {
  const counts = countsOf(Array.from({ length: 50 }, (_, at) => [at, at + 1] as const));
  const read = BinCounts.fromText(counts.toText(0, 10), 0, 100);
  t.equal(read.ascending().length, 10);
  t.equal(read.total, counts.total);
  t.equal(read.ascending()[0]?.[0], 40);
});

for (const text of ["x.", "1 ", "-1", "1.aaaaaaaaaa", "zzz zzz", " "]) {
  t.test(`${JSON.stringify(text)} is no sequence of bins`, async (t) => {
    t.throws(() => BinCounts.fromText(text, 0, 1_000), { code: "MALFORMED" });
  });
}
