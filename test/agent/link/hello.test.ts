import t, { type Test } from "tap";
import { createHello } from "../../../agent/link/hello.ts";
import { HELLO_MS } from "../../../agent/update/trusted-time.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const MINUTE_MS = 60_000;

/** A hello under virtual time; `said` are the moments at which it was said. */
function begin(t: Test, say: () => Promise<void> = () => Promise.resolve()) {
  const clock = virtualClock();
  const said: number[] = [];
  const stop = new AbortController();
  const hello = createHello({
    say: () => {
      said.push(clock.monotonicMs());
      return say();
    },
    clock,
    random: () => 1,
  });
  const running = hello.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { clock, hello, said };
}

t.test("nothing is said without a connection", async (t) => {
  const { clock, said } = begin(t);
  await clock.advance(10 * MINUTE_MS);
  t.strictSame(said, []);
});

t.test(
  "without an answer it is said again after 2 s, then ever less often, but at least every quarter of an hour",
  async (t) => {
    const { clock, hello, said } = begin(t);
    hello.askNow();
    await clock.advance(120 * MINUTE_MS);
    t.strictSame(said.slice(0, 5), [0, 2_000, 6_000, 14_000, 30_000]);
    const gaps = said.slice(1).map((at, index) => at - (said[index] ?? 0));
    t.equal(Math.max(...gaps), 15 * MINUTE_MS);
  },
);

t.test("an answer brings silence for six hours", async (t) => {
  const { clock, hello, said } = begin(t);
  hello.askNow();
  await clock.advance(100);
  hello.onAnswer();
  await clock.advance(HELLO_MS - 1);
  t.strictSame(said, [0]);
  await clock.advance(1);
  t.strictSame(said, [0, HELLO_MS + 100]);
});

t.test("each connection asks anew, and a lost one ends the asking", async (t) => {
  const { clock, hello, said } = begin(t, () => Promise.reject(new Error("offline")));
  hello.askNow();
  await clock.advance(1_000);
  hello.onDisconnect();
  await clock.advance(10 * MINUTE_MS);
  t.strictSame(said, [0]);
  hello.askNow();
  await clock.advance(2_000);
  t.strictSame(said, [0, 601_000, 603_000]);
});
