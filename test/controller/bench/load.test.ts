import t from "tap";
import { setTimeout as sleep } from "node:timers/promises";
import { measureLoad, type Ask } from "../../../controller/bench/load.ts";

const never = new AbortController().signal;
const answered = { answered: true, status: "200" };

t.test("callers ask again as soon as they are answered, and no more than that many at once", async (t) => {
  let [now, most] = [0, 0];
  const ask: Ask = async () => {
    now += 1;
    most = Math.max(most, now);
    await sleep(5);
    now -= 1;
    return answered;
  };
  const measured = await measureLoad(ask, { kind: "callers", callers: 3 }, { durationMs: 100 }, never);
  t.equal(most, 3);
  t.equal(measured.failed, 0);
  t.ok(measured.requests >= 3);
  t.ok((measured.p50Ms ?? 0) >= 4.9, `${String(measured.p50Ms)} ms`);
});

t.test(
  "a rate is kept whatever the answers do, and what waits for a slow one counts from when it was due",
  async (t) => {
    let busy = Promise.resolve();
    const ask: Ask = async () => {
      // One at a time, 20 ms each, and due every 5 ms: the line grows.
      busy = busy.then(() => sleep(20)).then(() => undefined);
      await busy;
      return answered;
    };
    const measured = await measureLoad(ask, { kind: "rate", perSecond: 200 }, { durationMs: 100 }, never);
    t.equal(measured.requests, 20);
    t.ok(measured.maxMs > 200, `the last one waited ${measured.maxMs.toFixed(0)} ms`);
  },
);

t.test("failed requests are counted by how they ended, and are no latencies", async (t) => {
  let count = 0;
  const ask: Ask = () => Promise.resolve((count += 1) % 2 === 0 ? answered : { answered: false, status: "429" });
  const measured = await measureLoad(ask, { kind: "rate", perSecond: 100 }, { durationMs: 100 }, never);
  t.match(measured, { requests: 10, failed: 5, failures: { "429": 5 } });
});

t.test("an abort ends it", async (t) => {
  const stop = new AbortController();
  const ask: Ask = () => {
    stop.abort();
    return Promise.resolve(answered);
  };
  t.match(await measureLoad(ask, { kind: "callers", callers: 1 }, { durationMs: 60_000 }, stop.signal), {
    requests: 1,
  });
});
