/** With real runners: what a device says of the models that hold its memory, and when there is no room for another. */
import t from "tap";
import { hastyClock, killReadyRunner, never, openEngine, serve, turnOver, ask } from "../../support/engine-bench.ts";
import { digitsFolder, floats, writeSilero } from "../../support/model-folders.ts";
import { until } from "../../support/until.ts";

const MEGABYTE = 1e6;
const [one, other] = [digitsFolder("1.0.0"), digitsFolder("1.1.0")];
const blank = [floats("pixels", [1, 64], new Array<number>(64).fill(0))];

t.test("each slot tells what it holds: who answers, who stands by, and what they take", async (t) => {
  await using engine = openEngine();
  t.same(engine.models(), []);
  await serve(engine, one);
  await serve(engine, await writeSilero(t.testdir(), 5));
  await turnOver(engine, other);
  t.match(engine.models(), [
    { slot: "digits", version: "1.0.0", state: "stands-by", provider: "cpu", variant: undefined, sinceMs: undefined },
    { slot: "digits", version: "1.1.0", state: "answers", sinceMs: Number, latencyP95Ms: undefined },
    { slot: "silero", version: "5.0.0", state: "answers" },
  ]);
  t.ok(engine.models().every(({ memoryBytes }) => memoryBytes > 20 * MEGABYTE));
  await ask(engine, other, blank);
  t.ok((engine.models()[1]?.latencyP95Ms ?? 0) > 0);
  await engine.release("digits" as typeof one.model.name);
  t.match(engine.models(), [{ version: "1.1.0" }, { slot: "silero" }]);
});

t.test("a bundle with variants tells which of them is loaded", async (t) => {
  const choice = { variant: "int8", provider: "cpu", figures: [] };
  const variantMemory = { recall: () => choice, remember: async () => Promise.resolve() };
  await using engine = openEngine({ variantMemory });
  await serve(engine, digitsFolder("1.2.0"));
  t.match(engine.models(), [{ version: "1.2.0", variant: "int8", provider: "cpu" }]);
});

t.test("a runner that is started again is counted", async (t) => {
  await using engine = openEngine({ clock: hastyClock });
  await serve(engine, one);
  await killReadyRunner(engine);
  await until("another runner answers", () => engine.models()[0]?.restarts === 1 && engine.slots()[0]?.ready);
  t.match(engine.models(), [{ state: "answers" }]);
});

t.test("a first model that cannot fit beside the others is refused with the numbers; they answer on", async (t) => {
  let availableBytes = 4_000 * MEGABYTE;
  await using engine = openEngine({ availableMemoryBytes: () => availableBytes });
  await serve(engine, one);
  const silero = await writeSilero(t.testdir(), 5);
  availableBytes = 90 * MEGABYTE;
  const outcome = await engine.qualify(silero.model.name, silero, never);
  t.match(outcome, {
    kind: "refused",
    refusal: {
      code: "memory-full",
      message:
        /^silero@5\.0\.0 takes at least 33 MB of memory; 90 MB are free, of which 68 MB stay so, digits@1\.0\.0 takes \d+ MB$/,
    },
  });
  t.match(engine.models(), [{ slot: "digits", state: "answers" }]);
  availableBytes = 110 * MEGABYTE;
  t.match(
    await engine.qualify(silero.model.name, silero, never),
    { kind: "qualified" },
    "an estimate that is too high refuses nothing",
  );
});
