/** With real runners: the digits in three precisions. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { VariantChoice, VariantMemory } from "../../../../agent/inference/qualify/best-variant.ts";
import type { VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";
import { parseModelJson, type ModelJson } from "../../../../protocol/bundle/model-json.ts";
import type { VariantFigures } from "../../../../protocol/trust/evidence.ts";
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
import { readDigits } from "../../../support/digits.ts";
import { until } from "../../../support/until.ts";

const digits = digitsFolder("1.2.0");
const [digit] = readDigits();
const pixels = [floats("pixels", [1, 64], digit?.pixels ?? [])];

/** A copy of the bundle whose description differs. */
function changed(t: Test, change: (model: ModelJson) => Partial<ModelJson>): VerifiedBundle {
  const directory = join(t.testdir(), "digits");
  cpSync(digits.directory, directory, { recursive: true });
  const model = { ...digits.model, ...change(digits.model) };
  writeFileSync(join(directory, "model.json"), JSON.stringify(model));
  return { ...digits, directory, model: parseModelJson(readFileSync(join(directory, "model.json"))) };
}

function openMemory(known?: VariantChoice) {
  const remembered: VariantChoice[] = [];
  const memory: VariantMemory = {
    recall: () => remembered.at(-1) ?? known,
    remember: async (_, choice) => void remembered.push(choice),
  };
  return { memory, remembered };
}

const known = (variant: string, provider = "cpu"): VariantChoice => ({
  variant,
  provider,
  figures: [{ name: variant, provider, latencyP95Ms: 1 }],
});

t.test(
  "all variants are measured, the fastest that passes serves, and the evidence has the figures of all",
  async (t) => {
    const { memory, remembered } = openMemory();
    await using engine = openEngine({ variantMemory: memory });
    const { evidence } = await qualified(engine, digits);
    const figures = evidence.variants ?? [];
    t.same(
      figures.map(({ name, provider, why }) => ({ name, provider, why })),
      ["default", "fp16", "int8"].map((name) => ({ name, provider: "cpu", why: undefined })),
    );
    const p95 = (figure: VariantFigures | undefined) => figure?.latencyP95Ms ?? Infinity;
    const chosen = figures.find(({ name }) => name === evidence.variant);
    t.ok(
      figures.every((figure) => p95(chosen) * 0.95 <= p95(figure)),
      "no other was faster by more than 5 %",
    );
    t.equal(evidence.latencyP95Ms, chosen?.latencyP95Ms, "the figures are those of the file that serves");
    t.same(remembered, [{ variant: evidence.variant, provider: "cpu", figures }]);
    t.equal(runnerPids().length, 1, "those that were only measured have ended");
  },
);

t.test("a variant that does not give the golden set's answers is left out, and told with the difference", async (t) => {
  const bundle = changed(t, ({ variants = [] }) => ({
    variants: variants.map(({ name, file }) => ({ name, file })),
  }));
  await using engine = openEngine();
  const { evidence } = await qualified(engine, bundle);
  t.match(evidence.variants?.[2], {
    name: "int8",
    why: /^output "probabilities" differs for golden case "digit 6, sample 2"/,
  });
  t.not(evidence.variant, "int8");
});

t.test("variants for other hardware are not looked at", async (t) => {
  const bundle = changed(t, ({ variants = [] }) => ({
    variants: variants.map((variant) => ({ ...variant, compatible: ["jetson"] })),
  }));
  await using engine = openEngine({ hardwareClasses: ["linux-x64"] });
  const { evidence } = await qualified(engine, bundle);
  t.notOk("variants" in evidence, "one file is left, and nothing to choose");
});

t.test("what was chosen before is not measured again", async (t) => {
  const { memory, remembered } = openMemory(known("int8"));
  await using engine = openEngine({ variantMemory: memory });
  const { evidence } = await qualified(engine, digits);
  t.match(evidence, { variant: "int8", variants: known("int8").figures, goldenPassed: 20 });
  t.same(remembered, []);
});

t.test("threads that were the best before are taken again, of a bundle with one file too", async (t) => {
  const { memory, remembered } = openMemory({ ...known("default"), figures: [], intraOpThreads: 2 });
  await using engine = openEngine({ variantMemory: memory });
  const { evidence } = await qualified(engine, digitsFolder("1.0.0"));
  t.match(evidence, { intraOpThreads: 2, goldenPassed: 20 });
  t.same(remembered, []);
});

t.test("all are measured again where the choice does not hold any more", async (t) => {
  const noTolerance = changed(t, ({ variants = [] }) => ({
    variants: variants.map(({ name, file }) => ({ name, file })),
  }));
  for (const [bundle, choice] of [
    [noTolerance, known("int8")],
    [digits, known("int8", "cuda")],
    [digits, known("gone")],
  ] as const) {
    const { memory, remembered } = openMemory(choice);
    await using engine = openEngine({ variantMemory: memory });
    const { evidence } = await qualified(engine, bundle);
    t.equal(evidence.variants?.length, 3);
    t.equal(remembered.length, 1);
  }
});

t.test("a runner that is started again loads the file that was chosen", async (t) => {
  await using engine = openEngine({ variantMemory: openMemory(known("int8")).memory });
  await turnOver(engine, digits);
  const exact = await answers(digitsFolder("1.1.0"));
  const before = numbers(await ask(engine, digits, pixels));
  t.notSame(before, exact, "8 bits round otherwise");
  await killReadyRunner(engine);
  await until("another runner is ready", () => engine.slots()[0]?.ready);
  t.same(numbers(await ask(engine, digits, pixels)), before);
});

t.test("where no variant passes, the reason of the default file is the bundle's", async (t) => {
  const bundle = changed(t, () => ({ budgets: { memoryBytes: 1 } }));
  await using engine = openEngine();
  const outcome = await engine.qualify(bundle.model.name, bundle, never);
  t.match(outcome, { kind: "refused", refusal: { code: "budget", message: /the runner takes/ } });
  t.same(runnerPids(), []);
});

t.test("a variant with another interface is left out", async (t) => {
  const bundle = changed(t, () => ({ variants: [{ name: "other", file: "other.onnx" }] }));
  cpSync("node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx", join(bundle.directory, "other.onnx"));
  await using engine = openEngine();
  const { evidence } = await qualified(engine, bundle);
  t.match(evidence, { variant: "default", variants: [{}, { name: "other", why: /declares the input "pixels"/ }] });
});

t.test("choosing that is stopped leaves no process behind", async (t) => {
  await using engine = openEngine();
  const stop = new AbortController();
  const qualifying = engine.qualify(digits.model.name, digits, stop.signal);
  await until("it has begun", () => runnerPids().length > 0);
  stop.abort();
  t.match(await qualifying, { kind: "refused", refusal: { code: "deadline" } });
  t.same(runnerPids(), []);
});

async function answers(bundle: VerifiedBundle): Promise<readonly number[]> {
  await using engine = openEngine();
  await turnOver(engine, bundle);
  return numbers(await ask(engine, bundle, pixels));
}
