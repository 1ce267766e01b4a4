import t from "tap";
import { ClassTally, TALLY_CLASSES_MAX, TALLY_PAIRS_MAX } from "../../protocol/class-tally.ts";
import { CELL_CHARS_MAX } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";

function tallyOf(judged: readonly (readonly [predicted: string, actual: string])[], classesMax?: number): ClassTally {
  const tally = new ClassTally(classesMax);
  for (const [predicted, actual] of judged) tally.note(predicted, actual);
  return tally;
}

function again(tally: ClassTally, classesMax?: number): ClassTally {
  const read = new ClassTally(classesMax);
  read.addTexts(tally.classesText(), tally.pairsText());
  return read;
}

t.test("a wrong prediction is a false alarm of one class and a miss of another", async (t) => {
  const tally = tallyOf([
    ["7", "7"],
    ["7", "7"],
    ["7", "1"],
  ]);
  t.same(tally.classes(), [
    { label: "7", hits: 2, falseAlarms: 1, misses: 0 },
    { label: "1", hits: 0, falseAlarms: 0, misses: 1 },
  ]);
  t.same(tally.pairs(), [{ actual: "1", predicted: "7", count: 1 }]);
  t.equal(tally.classesText(), '[["7",2,1,0],["1",0,0,1]]');
  t.equal(tally.pairsText(), '[["1","7",1]]');
});

t.test("what was sent and added up is what was counted", async (t) => {
  const one = tallyOf([
    ["cat", "dog"],
    ["dog", "dog"],
  ]);
  const other = tallyOf([
    ["cat", "dog"],
    ["cat", "cat"],
  ]);
  const sum = again(one);
  sum.merge(again(other));
  t.match(
    sum.classes().toSorted((a, b) => a.label.localeCompare(b.label)),
    [
      { label: "cat", hits: 1, falseAlarms: 2, misses: 0 },
      { label: "dog", hits: 1, falseAlarms: 0, misses: 2 },
    ],
  );
  t.same(sum.pairs(), [{ actual: "dog", predicted: "cat", count: 2 }]);
});

t.test("classes beyond the bound are counted together, and nothing is lost", async (t) => {
  const labels = Array.from({ length: 100 }, (_, at) => `class ${at}`);
  const tally = tallyOf(labels.map((label) => [label, label]));
  t.equal(tally.classes().length, TALLY_CLASSES_MAX);
  t.equal(tally.rest.hits, 100 - TALLY_CLASSES_MAX);
  const fleet = new ClassTally(1_000);
  fleet.addTexts(tally.classesText(), undefined);
  fleet.merge(tallyOf(labels.map((label) => [label, label])));
  const hits = fleet.classes().reduce((sum, counts) => sum + counts.hits, fleet.rest.hits);
  t.equal(hits, 200);
});

t.test("the largest labels and counts stay within one cell", async (t) => {
  const tally = new ClassTally(1_000);
  for (let at = 0; at < 500; at += 1) {
    const label = (of: number) => `${String(of).padStart(3, "0")}${'"\\\u0000é'.repeat(40)}`;
    for (let times = 0; times < 3; times += 1) tally.note(label(at), label(at + 1));
  }
  const big = new ClassTally(1_000);
  // Fibonacci: counts of 12 digits.
  for (let times = 0; times < 27; times += 1) {
    big.merge(tally);
    tally.merge(big);
  }
  t.ok(big.classesText().length <= CELL_CHARS_MAX, String(big.classesText().length));
  t.ok(big.pairsText().length <= CELL_CHARS_MAX, String(big.pairsText().length));
  const total = (of: ClassTally) => of.classes().reduce((sum, { misses }) => sum + misses, of.rest.misses);
  t.equal(total(again(big, 1_000)), total(big));
  t.ok(again(big).pairs().length <= TALLY_PAIRS_MAX);
});

t.test("the rarest confusions give way", async (t) => {
  const tally = new ClassTally(4);
  for (let times = 0; times < 5; times += 1) tally.note("a", "b");
  for (let at = 0; at < 100; at += 1) tally.note(`p${at}`, `q${at}`);
  t.match(tally.pairs()[0], { actual: "b", predicted: "a", count: 5 });
  t.ok(tally.pairs().length <= 8);
});

for (const text of ["{}", "[[1,2]]", '[["a",1,2]]', '[["a",-1,0,0]]', '[["a",1,0,0]', "null"]) {
  t.test(`${text} is refused, and nothing of it counts`, async (t) => {
    const tally = new ClassTally();
    t.throws(() => {
      tally.addTexts(text, undefined);
    }, ProtocolError);
    t.ok(tally.isEmpty);
  });
}
