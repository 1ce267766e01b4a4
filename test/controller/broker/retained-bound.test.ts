import t from "tap";
import { RETAINED_BYTES_MAX, RETAINED_TOPICS_MAX, RetainedBound } from "../../../controller/broker/retained-bound.ts";

t.test("counts each topic once, with its last payload", async (t) => {
  const bound = new RetainedBound();
  bound.admit("a", 100);
  bound.admit("a", 40);
  bound.admit("b", 1);
  t.match({ topics: bound.topics, bytes: bound.bytes }, { topics: 2, bytes: 41 });
  bound.admit("a", 0);
  t.match({ topics: bound.topics, bytes: bound.bytes }, { topics: 1, bytes: 1 });
});

t.test("admits no more topics than the bound, but changes to the known ones", async (t) => {
  const bound = new RetainedBound();
  for (let at = 0; at < RETAINED_TOPICS_MAX; at += 1) bound.admit(String(at), 1);
  t.equal(bound.admit("one more", 1), false);
  t.equal(bound.admit("0", 2), true);
  bound.admit("1", 0);
  t.equal(bound.admit("one more", 1), true);
});

t.test("admits no more bytes than the bound", async (t) => {
  const bound = new RetainedBound();
  t.equal(bound.admit("a", RETAINED_BYTES_MAX), true);
  t.equal(bound.admit("b", 1), false);
  t.equal(bound.admit("a", 1), true, "a smaller one makes room");
  t.equal(bound.admit("b", 1), true);
});
