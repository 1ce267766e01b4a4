import t from "tap";
import { Asking, CREDIT_MAX } from "../../../agent/transfer/asking.ts";

const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

/** How long a piece is waited for from now on, in steps of 50 ms. */
function patienceOf(asking: Asking, piece: number, nowMs: number): number {
  let waitedMs = 0;
  while (waitedMs < 600_000 && asking.awaited(nowMs + waitedMs).has(piece)) waitedMs += 50;
  return waitedMs;
}

t.test("waits longer each time that nothing comes, up to half a minute", async (t) => {
  const asking = new Asking();
  const waits = from(0, 10).map((at) => {
    asking.ask([1], at * 60_000);
    return patienceOf(asking, 1, at * 60_000);
  });
  t.ok((waits[0] ?? 0) >= 1_000 && (waits[0] ?? 0) <= 2_000);
  t.ok((waits[2] ?? 0) >= 4_000 && (waits[2] ?? 0) <= 8_000);
  t.ok((waits[9] ?? 0) >= 15_000 && (waits[9] ?? 0) <= 30_000);
});

t.test("begins anew when something comes that was asked for", async (t) => {
  const asking = new Asking();
  for (let at = 0; at < 5; at += 1) asking.ask([1, 2], at * 60_000);
  asking.answered(1, 240_010, false);
  t.notOk(asking.awaited(240_010).has(1));
  asking.ask([3], 300_000);
  t.ok(patienceOf(asking, 3, 300_000) <= 12_000);
});

t.test("what came late once makes it wait longer, and what comes at once after a second want does not", async (t) => {
  const asking = new Asking();
  asking.ask([1, 2, 3], 0);
  asking.answered(1, 1_000, true);
  asking.ask([2, 3], 9_000);
  asking.answered(2, 9_001, true);
  asking.ask([4], 9_001);
  t.ok(patienceOf(asking, 4, 9_001) >= 2_000, "2 may be the answer to the first want");
  asking.answered(3, 16_000, true);
  asking.ask([5], 16_000);
  t.ok(patienceOf(asking, 5, 16_000) >= 14_000, "3 took 7 s at least");
});

t.test("asks for a piece in vain now and then, and is not slowed down by it", async (t) => {
  const asking = new Asking();
  let nowMs = 0;
  for (let piece = 0; piece < 200; piece += 1) {
    const waits: number[] = [];
    for (const isLost of piece % 3 === 0 ? [true, true, false] : [false]) {
      asking.ask([piece], nowMs);
      if (isLost) waits.push(patienceOf(asking, piece, nowMs));
      nowMs += isLost ? (waits.at(-1) ?? 0) : 30;
    }
    asking.answered(piece, nowMs, true);
    t.ok(
      waits.every((ms) => ms <= 8_000),
      `piece ${piece}: ${waits.join(", ")} ms`,
    );
  }
});

t.test("does not ask again for what waits its turn on a slow way", async (t) => {
  const asking = new Asking();
  asking.ask([0], 0);
  asking.answered(0, 20, false);
  asking.ask(from(1, 3), 20);
  let nowMs = 20;
  for (let piece = 1; piece < 200; piece += 1) {
    nowMs += 2_500;
    t.ok(asking.awaited(nowMs).has(piece), `piece ${piece} is still waited for when it comes`);
    asking.answered(piece, nowMs, true);
    asking.ask(
      from(piece + 1, 3).filter((next) => !asking.awaited(nowMs).has(next)),
      nowMs,
    );
  }
  t.equal(asking.retries, 0);
});

t.test("gives up a piece that the others have overtaken", async (t) => {
  const asking = new Asking();
  asking.ask(from(0, 4), 0);
  asking.ask(from(4, 8), 5);
  for (const piece of from(1, 7)) asking.answered(piece, 10, true);
  for (const piece of from(1, 7)) asking.answered(piece, 10, true);
  t.ok(asking.awaited(10).has(0), "some may overtake it; what comes twice counts once");
  asking.answered(8, 10, true);
  t.notOk(asking.awaited(10).has(0));
  t.ok(asking.awaited(10).has(9));
});

t.test("a repair of a broadcast has its own time, whatever else comes", async (t) => {
  const asking = new Asking();
  asking.ask([1], 0);
  for (const atMs of [500, 1_000, 1_500, 2_000]) asking.heard(9, atMs);
  t.ok(asking.awaited(2_000).has(1));
  t.notOk(asking.awaitedRepairs(2_000).has(1));
});

t.test("waits for about as much as comes in a second", async (t) => {
  const creditAt = (gapMs: number, answerMs: number) => {
    const asking = new Asking();
    let nowMs = 0;
    for (let piece = 0; piece < 100; piece += 1) {
      asking.ask([piece], nowMs);
      nowMs += gapMs;
      asking.answered(piece, nowMs - gapMs + Math.max(gapMs, answerMs), true);
    }
    return asking.credit(nowMs);
  };
  t.equal(new Asking().credit(0), 2, "at first");
  t.equal(creditAt(5, 5), CREDIT_MAX, "a fast way");
  t.equal(creditAt(400, 400), 5, "150 kB/s");
  t.equal(creditAt(4_000, 4_000), 5, "15 kB/s: two of the shortest answers");
});

t.test("expects nothing after the connection was another", async (t) => {
  const asking = new Asking();
  asking.ask([1, 2, 3], 0);
  asking.forget();
  t.equal(asking.awaited(0).size, 0);
});

t.test("a piece that is asked for again counts as a retry, and one that came does not", async (t) => {
  const asking = new Asking();
  asking.ask([1, 2, 3], 0);
  asking.answered(1, 100, true);
  t.equal(asking.retries, 0);
  asking.ask([1, 2], 10_000);
  t.equal(asking.retries, 1);
});
