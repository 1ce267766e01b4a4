import t, { type Test } from "tap";
import type { InferenceEngine, InferenceObserver } from "../../../agent/inference/inference-engine.ts";
import type { InferenceError } from "../../../agent/inference/inference-error.ts";
import { openInferenceEngine } from "../../../agent/inference/open-inference-engine.ts";
import { openLog } from "../../../common/log.ts";
import type { MediaCase } from "../../../protocol/bundle/golden.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import {
  ask,
  failureOf,
  never,
  numbers,
  openEngine as openEngineWith,
  qualified,
  runnerPids,
  serve,
  startLoad,
} from "../../support/engine-bench.ts";
import {
  digitsFolder,
  floats,
  sileroInputs,
  writeOcrAngle,
  writeOcrAngleMedia,
  writePlusOne,
  writeSilero,
} from "../../support/model-folders.ts";
import { until } from "../../support/until.ts";

const log = openLog("test", "silent");

function openEngine(t: Test, observers: InferenceObserver[] = []): InferenceEngine {
  const engine = openEngineWith({ observers });
  t.teardown(() => engine[Symbol.asyncDispose]());
  return engine;
}

t.test("a bundle that passes its golden set is qualified, with figures measured here", async (t) => {
  const engine = openEngine(t);
  const qualification = await engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  const { evidence } = qualification.candidate;
  t.match(evidence, { provider: "cpu", goldenCases: 20, goldenPassed: 20 });
  t.ok(evidence.loadMs > 0 && evidence.warmUpMs > 0 && evidence.latencyP50Ms > 0);
  t.ok(evidence.latencyP95Ms >= evidence.latencyP50Ms);
  t.ok(evidence.memoryBytes > 30e6 && evidence.memoryBytes < 300e6, `${evidence.memoryBytes} bytes`);
  t.same(engine.slots(), [], "a candidate gets no traffic");
});

const refusals = [
  {
    when: "the ONNX file is none",
    options: {},
    damage: { "model.onnx": "text" },
    code: "model-load",
    says: /not an ONNX model/,
  },
  {
    when: "the golden set is not JSON",
    options: {},
    damage: { "golden.json": "{" },
    code: "bundle-malformed",
    says: /golden.json: golden set: is not JSON/,
  },
  {
    when: "model.json declares an output that is not there",
    options: { describe: { outputs: [{ name: "z", datatype: "FP32" as const, shape: [-1] }] } },
    code: "model-interface",
    says: /declares the output "z", which the ONNX file does not have; it has "y"/,
  },
  {
    when: "an answer is not the expected one",
    options: { expect: (output: object) => ({ ...output, values: [2, 4] }) },
    code: "self-test",
    says: /output "y" differs for golden case "first": element 1 is 3, expected 4 ± 0\.0041/,
  },
  {
    when: "an answer leaves the range that model.json declares",
    options: {
      describe: {
        outputs: [{ name: "y", datatype: "FP32" as const, shape: [-1], range: [0, 2.5] as [number, number] }],
      },
    },
    code: "self-test",
    says: /golden case "first" leaves the range of an output: model.json declares "y" 0 to 2.5/,
  },
  {
    when: "the golden inputs do not suit the model",
    options: { expect: (output: object) => ({ ...output, name: "nonesuch" }) },
    code: "self-test",
    says: /golden case "first"/,
  },
  {
    when: "it is slower than its budget",
    options: { describe: { budgets: { latencyP95Ms: 0.000_001 } } },
    code: "budget",
    says: /95 % of inferences take up to .* ms here, the budget is 0.000001 ms/,
  },
  {
    when: "it takes more memory than its budget",
    options: { describe: { budgets: { memoryBytes: 1_000_000 } } },
    code: "budget",
    says: /takes \d+\.\d MB of memory here, the budget is 1\.0 MB/,
  },
] as const;
for (const { when, code, says, ...rest } of refusals) {
  t.test(`a bundle is refused with ${code} when ${when}`, async (t) => {
    const directory = t.testdir();
    const bundle = await writePlusOne(directory, rest.options as Parameters<typeof writePlusOne>[1]);
    const { writeFileSync } = await import("node:fs");
    for (const [file, text] of Object.entries("damage" in rest ? rest.damage : {}))
      writeFileSync(`${directory}/${file}`, text);
    const qualification = await openEngine(t).qualify(bundle.model.name, bundle, never);
    t.match(qualification, { kind: "refused", refusal: { code, message: says } });
    t.same(runnerPids(), [], "its runner is gone");
  });
}

t.test("a golden set of pictures is decoded, answered and read here as a client's picture would be", async (t) => {
  const engine = openEngine(t);
  const top = (label: string, score: number) => ({ results: { top: [{ label, score }] } });
  const right = [
    { name: "upright", media: "hello.png", ...top("0", 0.95) },
    { name: "upside down", media: "turned.png", ...top("1", 0.95) },
  ];
  const candidate = await qualified(engine, await writeOcrAngleMedia(t.testdir(), right));
  t.match(candidate.evidence, { goldenCases: 2, goldenPassed: 2 });
  await engine.discard(candidate);

  const mistakes: readonly [MediaCase, RegExp][] = [
    [
      { name: "said wrongly", media: "turned.png", ...top("0", 0.95) },
      /the best class is "1" \(.*\), expected "0" \(0\.95\)/,
    ],
    [{ name: "too sure", media: "hello.png", ...top("0", 0.5) }, /"0" has the score 0\.9\d+, expected 0\.5 ± 0\.05/],
    [{ name: "no boxes", media: "hello.png", results: { boxes: [] } }, /postprocessing gives no boxes/],
    [{ name: "no picture", media: "model.json", ...top("0", 1) }, /model\.json is not a JPEG, PNG or WAV file/],
  ];
  for (const [mistaken, message] of mistakes) {
    const bundle = await writeOcrAngleMedia(t.testdir(), [mistaken]);
    const refused = await engine.qualify(bundle.model.name, bundle, never);
    t.match(refused, { kind: "refused", refusal: { code: "self-test", message } }, mistaken.name);
  }
});

t.test("a runner that crashes or cannot start refuses the bundle, not the agent", async (t) => {
  for (const args of [
    ["-e", "process.exit(3)"],
    ["-e", "process.kill(process.pid, 'SIGSEGV')"],
  ]) {
    await using engine = openInferenceEngine({ log, command: { file: process.execPath, args } });
    const qualification = await engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), never);
    t.match(qualification, {
      kind: "refused",
      refusal: { code: "runner-crash", message: /exited with code 3|ended by SIGSEGV/ },
    });
  }
  await using engine = openInferenceEngine({ log, command: { file: "/nonesuch", args: [] } });
  t.match(await engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), never), {
    kind: "refused",
    refusal: { code: "runner-crash", message: /there is no program \/nonesuch/ },
  });
});

t.test("a qualification that is given up ends its runner", async (t) => {
  const giveUp = new AbortController();
  // This runner never answers.
  await using engine = openInferenceEngine({
    log,
    command: { file: process.execPath, args: ["-e", "setInterval(() => {}, 60_000)"] },
  });
  const qualifying = engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), giveUp.signal);
  setImmediate(() => {
    giveUp.abort();
  });
  t.match(await qualifying, { kind: "refused", refusal: { code: "deadline" } });
});

t.test("an activated model answers, and says which it is", async (t) => {
  const engine = openEngine(t);
  const bundle = digitsFolder("1.1.0");
  await serve(engine, bundle);
  t.match(engine.slots(), [{ slot: "digits", ready: true, bundle: { statement: bundle.statement } }]);
  const response = await ask(engine, bundle, [floats("pixels", [2, 64], new Array<number>(128).fill(0))]);
  t.match(response, { model: "digits", version: "1.1.0", statement: bundle.statement });
  t.same(response.outputs[0]?.shape, [2, 10]);
  t.ok(response.inferMs > 0 && response.queueMs >= 0);
  t.match(engine.gauges(), [{ slot: "digits", version: "1.1.0", restarts: 0, waiting: 0 }]);
  t.ok((engine.gauges()[0]?.residentBytes ?? 0) > 30e6);
});

t.test("a convolutional network answers", async (t) => {
  const engine = openEngine(t);
  const bundle = await writeOcrAngle(t.testdir());
  await serve(engine, bundle);
  const image = new Array<number>(3 * 48 * 192).fill(1);
  const [upright = 0, turned = 0] = numbers(await ask(engine, bundle, [floats("x", [1, 3, 48, 192], image)]));
  t.ok(Math.abs(upright + turned - 1) < 1e-5, "two probabilities");
});

t.test("a model with state gets it from the caller and gives it back", async (t) => {
  const engine = openEngine(t);
  const bundle = await writeSilero(t.testdir(), 5);
  await serve(engine, bundle);
  const first = await ask(engine, bundle, sileroInputs());
  const again = await ask(engine, bundle, sileroInputs());
  t.same(numbers(again), numbers(first), "nothing is kept in the runner");
  const second = await ask(engine, bundle, sileroInputs(first.outputs[1]?.bytes));
  t.not(numbers(second)[0], numbers(first)[0], "the state counts");
});

t.test("a swap under load loses no request, and every answer comes from one of the two versions", async (t) => {
  const engine = openEngine(t);
  const directory = t.testdir();
  const former = await writeSilero(directory, 5);
  const next = await writeSilero(directory, 6);
  await serve(engine, former);
  const load = startLoad(engine, former, sileroInputs());
  for (const bundle of [next, former, next]) {
    const before = load.versions.length;
    await until("the load runs", () => load.versions.length > before + 50);
    await serve(engine, bundle);
  }
  const answered = load.versions.length;
  await until("the last version answers", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.same(new Set(versions), new Set(["5.0.0", "6.0.0"]));
  t.same(new Set(versions.slice(-20)), new Set(["6.0.0"]));
  t.equal(runnerPids().length, 1, "the former runners are gone");
});

t.test("a runner that is killed under load loses no request", async (t) => {
  const crashes: string[] = [];
  const observer = {
    answered: () => undefined,
    failed: () => undefined,
    crashed: (slot: ModelName, version: ModelVersion, why: string) => crashes.push(`${slot} ${version}: ${why}`),
  };
  const engine = openEngine(t, [observer]);
  const bundle = await writeSilero(t.testdir(), 6);
  await serve(engine, bundle);
  const load = startLoad(engine, bundle, sileroInputs());
  for (let kill = 1; kill <= 2; kill += 1) {
    const before = load.versions.length;
    await until("the load runs", () => load.versions.length > before + 50);
    const [pid] = runnerPids();
    if (pid === undefined) throw new Error("there is no runner");
    process.kill(pid, "SIGKILL");
    await until("the crash is seen", () => crashes.length === kill);
    await until("another runner answers", () => engine.slots()[0]?.ready);
  }
  const answered = load.versions.length;
  await until("requests are answered again", () => load.versions.length > answered + 50);
  t.same((await load.stop()).failures, []);
  t.same(crashes, new Array(2).fill("silero 6.0.0: it was ended by SIGKILL"));
  t.equal(engine.gauges()[0]?.restarts, 2);
});

t.test("a candidate whose runner died while it waited is restarted when it is activated", async (t) => {
  const engine = openEngine(t);
  const bundle = await writePlusOne(t.testdir());
  const qualification = await engine.qualify(bundle.model.name, bundle, never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  for (const pid of runnerPids()) process.kill(pid, "SIGKILL");
  await engine.activate(bundle.model.name, qualification.candidate);
  t.same(numbers(await ask(engine, bundle, [floats("x", [1], [41])])), [42]);
});

t.test("a discarded candidate ends its runner", async (t) => {
  const engine = openEngine(t);
  const qualification = await engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  t.equal(runnerPids().length, 1);
  await engine.discard(qualification.candidate);
  t.same(runnerPids(), []);
  await t.rejects(engine.activate("digits" as ModelName, qualification.candidate), /once/);
});

t.test("requests that cannot be answered fail each in its own way, and are counted", async (t) => {
  const counted: string[] = [];
  const engine = openEngine(t);
  const observer = {
    answered: () => undefined,
    failed: (_: ModelName, failure: string, version: string) => counted.push(`${failure} ${version}`),
    crashed: () => undefined,
  };
  const observing = engine.observe(observer);
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  const slot = bundle.model.name;
  const good = { slot, inputs: [floats("x", [1], [1])], timeoutMs: 5_000 };
  t.match(await failureOf(engine.infer({ ...good, slot: "other" as ModelName })), {
    failure: "unknown-model",
    message: /^Request for unknown model: 'other' is not found/,
  });
  t.match(await failureOf(engine.infer({ ...good, version: "9" as ModelVersion })), { failure: "unknown-version" });
  t.match(await failureOf(engine.infer({ ...good, inputs: [] })), {
    failure: "bad-request",
    message: /input "x" is missing/,
  });
  t.match(await failureOf(engine.infer({ ...good, outputs: ["z"] })), {
    failure: "bad-request",
    message: /no output "z"; its outputs are "y"/,
  });
  t.match(await engine.infer({ ...good, version: bundle.model.version, outputs: ["y"] }), { version: "1.0.0" });
  observing[Symbol.dispose]();
  await failureOf(engine.infer({ ...good, inputs: [] }));
  t.same(counted, ["unknown-version 1.0.0", "bad-request 1.0.0", "bad-request 1.0.0"]);
});

t.test("what the model itself refuses is told, and the runner goes on", async (t) => {
  const engine = openEngine(t);
  const bundle = await writeSilero(t.testdir(), 5);
  await serve(engine, bundle);
  const [, state, rate] = sileroInputs();
  if (state === undefined || rate === undefined) throw new Error("no inputs");
  const failure = await failureOf(
    ask(engine, bundle, [floats("input", [3, 7], new Array<number>(21).fill(0)), state, rate]),
  );
  t.match(failure, { failure: "model-failed", message: /The model could not compute/ });
  t.equal((await ask(engine, bundle, sileroInputs())).version, "5.0.0");
});

t.test("a full queue turns requests away at once, and a deadline is kept while they wait", async (t) => {
  const engine = openEngine(t);
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  const [pid] = runnerPids();
  if (pid === undefined) throw new Error("there is no runner");
  process.kill(pid, "SIGSTOP");
  const hurried = ask(engine, bundle, [floats("x", [1], [1])], 50);
  t.match(await failureOf(hurried), { failure: "timed-out", message: /within 50 ms/ });
  const outcomes = Array.from({ length: 300 }, () =>
    ask(engine, bundle, [floats("x", [1], [1])]).then(
      () => "answered",
      (error: unknown) => (error as InferenceError).failure,
    ),
  );
  t.equal(await Promise.race(outcomes), "queue-full");
  process.kill(pid, "SIGCONT");
  const settled = await Promise.all(outcomes);
  const count = (outcome: string) => settled.filter((each) => each === outcome).length;
  t.ok(count("answered") >= 256, `${count("answered")} answered`);
  t.equal(count("answered") + count("queue-full"), 300);
});

t.test("a slot that is cleared answers what it has, and then is unknown", async (t) => {
  const engine = openEngine(t);
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  const waiting = Array.from({ length: 20 }, () => ask(engine, bundle, [floats("x", [1], [1])]));
  const cleared = engine.clear(bundle.model.name);
  t.match(await failureOf(ask(engine, bundle, [])), { failure: "unknown-model" });
  t.equal((await Promise.all(waiting)).length, 20);
  await cleared;
  t.same(runnerPids(), []);
  await engine.clear(bundle.model.name);
});

t.test("closing answers what is in flight, refuses the rest, and leaves no process", async (t) => {
  const engine = openInferenceEngine({ log });
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  await engine.qualify(digitsFolder("1.0.0").model.name, digitsFolder("1.0.0"), never);
  const waiting = Array.from({ length: 20 }, () => ask(engine, bundle, [floats("x", [1], [1])]));
  const closed = engine[Symbol.asyncDispose]();
  t.match(await failureOf(ask(engine, bundle, [])), { failure: "unavailable" });
  t.equal((await Promise.all(waiting)).length, 20);
  await closed;
  t.same(runnerPids(), []);
});

t.test("requests bound to a version that is replaced are still answered by it", async (t) => {
  const engine = openEngine(t);
  const directory = t.testdir();
  const former = await writePlusOne(`${directory}/1`);
  const next = await writePlusOne(`${directory}/2`, { version: "2.0.0" });
  await serve(engine, former);
  const [pid] = runnerPids();
  if (pid === undefined) throw new Error("there is no runner");
  const qualification = await engine.qualify(next.model.name, next, never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  process.kill(pid, "SIGSTOP");
  const request = { slot: former.model.name, inputs: [floats("x", [1], [1])], timeoutMs: 20_000 };
  const bound = Array.from({ length: 5 }, () => engine.infer({ ...request, version: former.model.version }));
  const free = engine.infer(request);
  await engine.activate(former.model.name, qualification.candidate);
  const released = engine.release(former.model.name);
  t.equal((await free).version, "2.0.0", "a request that waits goes to the new version");
  process.kill(pid, "SIGCONT");
  t.same(new Set((await Promise.all(bound)).map(({ version }) => version)), new Set(["1.0.0"]));
  await released;
});
