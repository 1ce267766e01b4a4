import t from "tap";
import { Asking } from "../../../agent/transfer/asking.ts";

const waitOf = (asking: Asking, piece: number, nowMs: number) => (asking.againAtMs.get(piece) ?? 0) - nowMs;

t.test("waits longer each time that nothing comes, up to half a minute", async (t) => {
  const asking = new Asking();
  const waits = Array.from({ length: 10 }, (_, at) => {
    asking.ask([1], at * 60_000);
    return waitOf(asking, 1, at * 60_000);
  });
  t.ok((waits[0] ?? 0) >= 1_000 && (waits[0] ?? 0) <= 2_000);
  t.ok((waits[2] ?? 0) >= 4_000 && (waits[2] ?? 0) <= 8_000);
  t.ok((waits[9] ?? 0) >= 15_000 && (waits[9] ?? 0) <= 30_000);
});

t.test("begins anew when anything arrives", async (t) => {
  const asking = new Asking();
  for (let at = 0; at < 5; at += 1) asking.ask([1, 2], 0);
  asking.arrived(1, 10);
  t.notOk(asking.againAtMs.has(1));
  asking.ask([3], 20);
  t.ok(waitOf(asking, 3, 20) <= 2_000);
});

t.test("gives a slow way the time that it takes", async (t) => {
  const asking = new Asking();
  asking.ask([1], 0);
  asking.arrived(1, 5_000);
  asking.ask([2], 5_000);
  t.ok(waitOf(asking, 2, 5_000) >= 10_000);
});

t.test("expects nothing after the connection was another", async (t) => {
  const asking = new Asking();
  asking.ask([1, 2, 3], 0);
  asking.forget();
  t.equal(asking.againAtMs.size, 0);
});

t.test("a piece that is asked for again counts as a retry, and one that came does not", async (t) => {
  const asking = new Asking();
  asking.ask([1, 2, 3], 0);
  asking.arrived(1, 100);
  t.equal(asking.retries, 0);
  asking.ask([1, 2], 10_000);
  t.equal(asking.retries, 1);
});
