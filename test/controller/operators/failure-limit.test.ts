import t from "tap";
import { createFailureLimit } from "../../../controller/operators/failure-limit.ts";

function limitAt(start = 0) {
  let nowMs = start;
  const limit = createFailureLimit({ windowMs: 1_000, perKeyMax: 2, totalMax: 5, nowMs: () => nowMs });
  return { limit, pass: (ms: number) => (nowMs += ms) };
}

t.test("one address is told to wait, others are not", async (t) => {
  const { limit } = limitAt();
  t.same(["a", "a", "a", "b"].map(limit.isWithin), [true, true, false, true]);
});

t.test("many addresses together are told to wait", async (t) => {
  const { limit } = limitAt();
  t.same(["a", "b", "c", "d", "e", "f"].map(limit.isWithin), [true, true, true, true, true, false]);
});

t.test("what one address has too much of leaves room for the others", async (t) => {
  const { limit } = limitAt();
  for (let count = 0; count < 100; count += 1) limit.isWithin("a");
  t.ok(limit.isWithin("b"));
});

t.test("a window ends, and says how long that takes", async (t) => {
  const { limit, pass } = limitAt();
  for (let count = 0; count < 3; count += 1) limit.isWithin("a");
  pass(400);
  t.equal(limit.leftMs(), 600);
  pass(600);
  t.ok(limit.isWithin("a"));
});

t.test("memory is bounded: addresses beyond the bound count as one", async (t) => {
  const limit = createFailureLimit({ windowMs: 1_000, perKeyMax: 2, totalMax: 1_000_000, nowMs: () => 0 });
  for (let address = 0; address < 10_000; address += 1) limit.isWithin(String(address));
  t.same(["x", "y", "z"].map(limit.isWithin), [true, true, false]);
});
