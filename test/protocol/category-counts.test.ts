import t from "tap";
import { CATEGORIES_MAX, CATEGORY_CHARS_MAX, CategoryCounts } from "../../protocol/category-counts.ts";
import { CELL_CHARS_MAX } from "../../protocol/messages/telemetry-batch.ts";

t.test("counts survive their text, and those of parts add up", async (t) => {
  const counts = new CategoryCounts();
  counts.add("cat", 3);
  counts.add("dog");
  counts.other = 2;
  t.equal(counts.toText(), '[["cat",3],["dog",1],[null,2]]');
  const sum = CategoryCounts.fromText(counts.toText());
  sum.merge(counts);
  t.match([sum.of("cat"), sum.of("dog"), sum.other, sum.count, sum.of("cow")], [6, 2, 4, 12, 0]);
});

t.test("the rarest of too many categories are told together, and the text fits a cell", async (t) => {
  const counts = new CategoryCounts();
  for (let n = 0; n < 3_000; n += 1) counts.add(`${n} ${'"'.repeat(CATEGORY_CHARS_MAX)}`, 90_000_000_000 - n);
  const text = counts.toText();
  t.ok(text.length <= CELL_CHARS_MAX, `${text.length} characters`);
  const read = CategoryCounts.fromText(text);
  t.equal(read.entries().length, CATEGORIES_MAX);
  t.ok(read.entries()[0]?.[0].startsWith("0 "));
  t.equal(read.count, counts.count);
});

t.test("control characters cannot make a text of any length", async (t) => {
  const counts = new CategoryCounts();
  counts.add("\u0000".repeat(1_000));
  t.equal(counts.entries()[0]?.[0], "·".repeat(CATEGORY_CHARS_MAX));
});

t.test("what is no counts is refused", async (t) => {
  t.throws(() => CategoryCounts.fromText("["), { code: "MALFORMED" });
  t.throws(() => CategoryCounts.fromText('[["a",-1]]'), { code: "SCHEMA" });
});
