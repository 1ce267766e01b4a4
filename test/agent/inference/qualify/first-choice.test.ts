import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { firstChoice, type ChoicePorts } from "../../../../agent/inference/qualify/first-choice.ts";
import { variantChoices, type LoadChoice } from "../../../../agent/inference/qualify/load-choice.ts";
import type { SelfTest, WarmRunner } from "../../../../agent/inference/qualify/qualify.ts";
import { Refused } from "../../../../agent/inference/refused.ts";
import { openEngineDirectory } from "../../../../agent/store/engine-directory.ts";
import { openLog } from "../../../../common/log.ts";
import { BundleRefused } from "../../../../protocol/trust/model-signing.ts";
import {
  ask,
  killReadyRunner,
  never,
  numbers,
  openEngine,
  qualified,
  runnerPids,
  turnOver,
} from "../../../support/engine-bench.ts";
import { digitsFolder, floats } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const log = openLog("test", "silent");
const digits = digitsFolder("1.0.0");
const wishing = (...providers: string[]) => ({ ...digits, model: { ...digits.model, providers } });
const blank = [floats("pixels", [1, 64], new Array<number>(64).fill(0))];

t.test("a model whose providers are not there runs on the processor, and the evidence says why", async (t) => {
  await using engine = openEngine();
  const bundle = wishing("tensorrt", "cuda", "webgpu", "openvino");
  const { evidence } = await qualified(engine, bundle);
  t.match(evidence, {
    provider: "cpu",
    failedProviders: [
      { provider: "tensorrt", why: /lacks libonnxruntime_providers_tensorrt/ },
      { provider: "cuda", why: /lacks libonnxruntime_providers_cuda/ },
      { provider: "webgpu", why: "no graphics adapter was found" },
      { provider: "openvino", why: /this onnxruntime has only/ },
    ],
  });
  t.equal(runnerPids().length, 1, "those that failed have ended");
});

t.test("a runner that is started again goes straight to the provider that was qualified", async (t) => {
  await using engine = openEngine();
  const bundle = wishing("cuda");
  await turnOver(engine, bundle);
  const before = numbers(await ask(engine, bundle, blank));
  await killReadyRunner(engine);
  await until("another runner is ready", () => engine.slots()[0]?.ready);
  t.same(numbers(await ask(engine, bundle, blank)), before);
  t.match(engine.slots(), [{ evidence: { provider: "cpu" } }]);
});

t.test("settings that this onnxruntime-node does not read are told", async (t) => {
  const { directory, statement } = digits;
  const providerOptions = { cuda: { memoryBytes: 2 ** 30 } };
  await using engine = openEngine();
  const { evidence } = await qualified(engine, { directory, statement, model: { ...digits.model, providerOptions } });
  t.notOk("ignoredSettings" in evidence, "they are none of the processor's");
});

const choices = variantChoices(wishing("tensorrt", "cuda").model, [])[0]?.choices ?? [];

/** Runners that fail as they are told to; what does not matter here is left out. */
function ports(
  failures: Readonly<Record<string, Error>>,
  testFailures: Readonly<Record<string, Error>> = {},
  compiled = new Set<string>(),
) {
  const tried: string[] = [];
  const give: ChoicePorts = {
    load: async (choice: LoadChoice) => {
      tried.push(choice.provider);
      const failure = failures[choice.provider];
      if (failure !== undefined) throw failure;
      return { choice } as unknown as WarmRunner;
    },
    test: async ({ choice }) => {
      const failure = testFailures[choice.provider];
      if (failure !== undefined) throw failure;
      return {} as unknown as SelfTest;
    },
    forgetEngines: async ({ provider }) => compiled.delete(provider),
  };
  return { tried, ports: give };
}

t.test("a provider that computes wrong, is too slow, or takes its process along gives way to the next", async (t) => {
  for (const code of ["self-test", "budget", "runner-crash", "deadline", "model-load"] as const) {
    const { tried, ports: give } = ports({}, { tensorrt: new Refused(code, `it is ${code}`) });
    const found = await firstChoice(give, choices, never);
    t.same(tried, ["tensorrt", "cuda"]);
    t.match(found, { choice: { provider: "cuda" }, failed: [{ provider: "tensorrt", why: `it is ${code}` }] });
  }
});

t.test("where none works, the processor's reason is the bundle's", async (t) => {
  const failing = { tensorrt: "its", cuda: "other", cpu: "own" };
  const failures = Object.fromEntries(
    Object.entries(failing).map(([name, why]) => [name, new Refused("self-test", why)]),
  );
  await t.rejects(firstChoice(ports(failures).ports, choices, never), { code: "self-test", message: "own" });
});

t.test("what is the fault of no provider ends the search at once", async (t) => {
  const faults = [
    new BundleRefused("bundle-file-digest", "the files changed"),
    new Refused("model-interface", "another interface"),
    new Refused("bundle-malformed", "no golden set"),
  ];
  for (const fault of faults) {
    const { tried, ports: give } = ports({ tensorrt: fault });
    await t.rejects(firstChoice(give, choices, never), fault);
    t.same(tried, ["tensorrt"]);
  }
});

t.test("a search that is stopped does not go on to the next provider", async (t) => {
  const { tried, ports: give } = ports({ tensorrt: new Refused("runner-crash", "It was stopped") });
  await t.rejects(firstChoice(give, choices, AbortSignal.abort()), { code: "runner-crash" });
  t.same(tried, ["tensorrt"]);
});

t.test("a reason is cut to what a report carries", async (t) => {
  const { ports: give } = ports({ tensorrt: new Refused("model-load", "x".repeat(1_000)) });
  const { failed } = await firstChoice(give, choices, never);
  t.equal(failed[0]?.why.length, 160);
});

t.test("a provider that fails with what it compiled earlier compiles anew, once", async (t) => {
  const wrong = { tensorrt: new Refused("self-test", "the answers of another model") };
  const { tried, ports: give } = ports({}, wrong, new Set(["tensorrt"]));
  const { choice, failed } = await firstChoice(give, choices, never);
  t.same(tried, ["tensorrt", "tensorrt", "cuda"]);
  t.match({ choice, failed }, { choice: { provider: "cuda" }, failed: [{ provider: "tensorrt" }] });
});

const CHANNEL_MODULE = new URL("../../../../agent/inference/runner/runner-channel.ts", import.meta.url).href;

t.test("a provider that compiles gets a folder for it, and no other provider does", async (t) => {
  const directory = t.testdir();
  const engines = await openEngineDirectory(join(directory, "engines"), "machine", log);
  const told = join(directory, "told");
  // Notes what it is asked to load, and answers as a runner does whose provider does not work.
  const source = `
    const { openRunnerEnd, sendMessage } = await import(${JSON.stringify(CHANNEL_MODULE)});
    const { appendFileSync } = await import("node:fs");
    const channel = openRunnerEnd((message) => {
      appendFileSync(${JSON.stringify(told)}, JSON.stringify(message) + "\\n");
      sendMessage(channel, { kind: "load-failed", code: "onnx-provider", message: "not here" });
    });
    channel.on("close", () => process.exit());`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", source];
  await using engine = openEngine({ engines, command: { file: process.execPath, args } });
  await engine.qualify(digits.model.name, wishing("tensorrt", "cuda"), never);
  const asked = readFileSync(told, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { settings: object });
  const folder = new RegExp(`/engines/${digits.statement}/[0-9a-f]{32}$`);
  t.match(asked, [
    { provider: "tensorrt", settings: { engineFolder: folder } },
    { provider: "cuda" },
    { provider: "cpu" },
  ]);
  t.notMatch(asked.slice(1), [{ settings: { engineFolder: String } }]);
});
