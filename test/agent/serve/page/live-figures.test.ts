import t from "tap";
import type { InferenceObserver, ServedSlot } from "../../../../agent/inference/inference-engine.ts";
import { openLiveFigures } from "../../../../agent/serve/page/live-figures.ts";

function engineOf(slots: () => readonly string[]) {
  const observers: InferenceObserver[] = [];
  return {
    engine: {
      slots: () => slots().map((slot) => ({ slot }) as unknown as ServedSlot),
      observe: (observer: InferenceObserver) => {
        observers.push(observer);
        return { [Symbol.dispose]: () => observers.pop() };
      },
    },
    answered: (slot: string, inferMs: number) => {
      for (const one of observers) one.answered(slot as never, { queueMs: 1, inferMs } as never);
    },
    failed: (slot: string) => {
      for (const one of observers) one.failed(slot as never, "queue-full", "1.0.0" as never);
    },
  };
}

t.test("requests a second are those of the last ten, and times those of the last minute", async (t) => {
  let nowMs = 0;
  const { engine, answered, failed } = engineOf(() => ["digits"]);
  using figures = openLiveFigures(engine, () => nowMs);
  t.same(figures.of(), { digits: { requestsPerSecond: 0, answered: 0, failed: 0 } });
  for (let at = 1; at <= 100; at += 1) answered("digits", at);
  failed("digits");
  t.same(figures.of(), { digits: { requestsPerSecond: 10.1, p95Ms: 96, answered: 100, failed: 1 } });
  nowMs = 30_000;
  t.match(figures.of(), { digits: { requestsPerSecond: 0, p95Ms: 96 } });
  nowMs = 90_000;
  t.same(figures.of(), { digits: { requestsPerSecond: 0, answered: 100, failed: 1 } });
});

t.test("of each slot as much is kept as is needed, and nothing of one that has gone", async (t) => {
  let served = ["digits", "faces"];
  const { engine, answered } = engineOf(() => served);
  using figures = openLiveFigures(engine, () => 0);
  for (let at = 0; at < 2_000; at += 1) answered("digits", at < 1_000 ? 1_000 : 1);
  t.match(figures.of(), { digits: { p95Ms: 2 }, faces: { answered: 0 } }, "the newest thousand");
  served = ["faces"];
  t.same(Object.keys(figures.of()), ["faces"]);
  served = ["digits"];
  t.match(figures.of(), { digits: { answered: 0 } });
});
