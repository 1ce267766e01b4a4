import t from "tap";
import { bestThreads, type ThreadPorts } from "../../../../agent/inference/qualify/best-threads.ts";
import type { TestedRunner } from "../../../../agent/inference/qualify/first-choice.ts";
import type { LoadChoice } from "../../../../agent/inference/qualify/load-choice.ts";
import { Refused } from "../../../../agent/inference/refused.ts";

const choice: LoadChoice = { variant: "default", file: "m.onnx", provider: "cpu", settings: {}, tolerance: undefined };
const never = new AbortController().signal;

/** What a device does whose model takes so long by its number of threads; `living`: the threads of the processes left. */
function deviceWith(times: Readonly<Record<number, number | Error>>, threads = { usual: 1, most: 2 }) {
  const living: number[] = [];
  const runner = (count: number) => ({
    end: async () => void living.splice(living.indexOf(count), 1),
    residentBytes: () => 0,
  });
  const loaded = (asked: LoadChoice) => {
    const count = asked.intraOpThreads ?? threads.usual;
    living.push(count);
    return { choice: asked, runner: runner(count), warm: {} };
  };
  const ports = {
    threads,
    load: async (asked: LoadChoice) => loaded(asked),
    test: async ({ choice: { intraOpThreads = threads.usual } }: { readonly choice: LoadChoice }) => {
      const ms = times[intraOpThreads];
      if (typeof ms === "number") return testOf(ms);
      living.splice(living.indexOf(intraOpThreads), 1);
      throw ms ?? new Error("not asked for");
    },
    forgetEngines: async () => false,
  } as unknown as ThreadPorts;
  const begin = (of = choice) =>
    ({ ...loaded(of), test: testOf(Number(times[threads.usual])), failed: [] }) as unknown as TestedRunner;
  return { ports, living, begin };
}

function testOf(latencyP50Ms: number) {
  return { evidence: { latencyP50Ms } };
}

t.test("a slow model gets all threads where they save a fifth of its time, and fewer where they do not", async (t) => {
  for (const [most, kept] of [
    [9, 2],
    [12, 1],
  ] as const) {
    const { ports, living, begin } = deviceWith({ 1: 13, 2: most });
    const best = await bestThreads(ports, begin(), never);
    t.equal(best.choice.intraOpThreads, kept, "also after a restart");
    t.equal(best.test.evidence.latencyP50Ms, kept === 2 ? 9 : 13);
    t.same(living, [kept], "one process is left");
  }
});

t.test("nothing is tried for a fast model, without a processor to spare, or on another provider", async (t) => {
  const fast = deviceWith({ 1: 1.2, 2: 0.5 });
  const full = deviceWith({ 2: 13 }, { usual: 2, most: 2 });
  const graphics = deviceWith({ 1: 13, 2: 9 });
  for (const [{ ports, begin }, of] of [
    [fast, choice],
    [full, choice],
    [graphics, { ...choice, provider: "cuda" }],
  ] as const) {
    const tested = begin(of);
    t.equal(await bestThreads(ports, tested, never), tested);
  }
});

t.test("where it does not pass with more threads it keeps what it passed with", async (t) => {
  const { ports, living, begin } = deviceWith({ 1: 13, 2: new Refused("budget", "too much memory") });
  t.equal((await bestThreads(ports, begin(), never)).choice.intraOpThreads, 1);
  t.same(living, [1]);
});

t.test("what is no fault of the threads is thrown, with no process left", async (t) => {
  const { ports, living, begin } = deviceWith({ 1: 13, 2: new Error("the disk is gone") });
  await t.rejects(bestThreads(ports, begin(), never), /the disk is gone/);
  t.same(living, []);
});
