import t from "tap";
import { ANSWER_MS_MAX, AnswerCache, ANSWERS_MAX } from "../../../agent/serve/answer-cache.ts";

const answer = [Uint8Array.of(1)];

t.test("an answer is kept for a minute, and a request under way is known", async (t) => {
  const cache = new AnswerCache();
  t.equal(cache.get("q", 0), undefined);
  cache.begin("q", 0);
  t.equal(cache.get("q", 1), "pending");
  cache.put("q", answer, 2);
  t.equal(cache.get("q", ANSWER_MS_MAX), answer);
  t.equal(cache.get("q", ANSWER_MS_MAX + 3), undefined);
  cache.forget("q");
  t.equal(cache.get("q", 3), undefined);
});

t.test("the oldest answers make room, by number and by size", async (t) => {
  const many = new AnswerCache();
  for (let at = 0; at <= ANSWERS_MAX; at += 1) many.put(`q${at}`, answer, 0);
  t.equal(many.get("q0", 0), undefined);
  t.equal(many.get("q1", 0), answer);
  const large = new AnswerCache();
  for (let at = 0; at < 5; at += 1) large.put(`q${at}`, [new Uint8Array(8 * 1024 ** 2)], 0);
  t.equal(large.get("q0", 0), undefined);
  t.ok(large.get("q1", 0));
});
