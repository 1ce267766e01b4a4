import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import type { LoadChoice } from "../../../agent/inference/qualify/load-choice.ts";
import { engineKey, openEngineDirectory } from "../../../agent/store/engine-directory.ts";
import { openLog } from "../../../common/log.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const log = openLog("test", "silent");
const digits = digitsFolder("1.1.0");
const choice: LoadChoice = {
  variant: "default",
  file: "model.onnx",
  provider: "tensorrt",
  settings: {},
  tolerance: undefined,
};
const bundle = (letter: string): VerifiedBundle => ({ ...digits, statement: letter.repeat(64) as StatementDigest });

async function open(t: Test, bytesMax?: number) {
  const directory = join(t.testdir(), "engines");
  return { directory, engines: await openEngineDirectory(directory, "machine", log, bytesMax) };
}

/** As a provider leaves it: the name comes from the graph's structure alone. */
async function compile(engines: Awaited<ReturnType<typeof open>>["engines"], of: VerifiedBundle, bytes = 10) {
  const folder = await engines.folderFor(of, choice);
  if (folder === undefined) throw new Error("there is no folder");
  writeFileSync(join(folder, "TensorrtExecutionProvider_TRTKernel_graph_main_0.engine"), Buffer.alloc(bytes));
  return folder;
}

t.test("two models of one structure never have one folder", async (t) => {
  const { engines } = await open(t);
  const [first, second] = [await compile(engines, bundle("a")), await engines.folderFor(bundle("b"), choice)];
  t.not(second, first);
  t.same(readdirSync(second ?? ""), [], "so the second finds no engine of the first");
});

t.test("whatever changes an engine changes its key, and nothing else does", async (t) => {
  const others: readonly (readonly [string, LoadChoice])[] = [
    ["another onnxruntime", choice],
    ["machine", { ...choice, variant: "fp16", file: "model.fp16.onnx" }],
    ["machine", { ...choice, provider: "cuda" }],
    ["machine", { ...choice, settings: { tensorrt: { halfPrecision: true } } }],
    ["machine", { ...choice, settings: { tensorrt: { workspaceBytes: 2 ** 26 } } }],
  ];
  const keys = others.map(([machine, other]) => engineKey(machine, other));
  t.equal(new Set([...keys, engineKey("machine", choice)]).size, others.length + 1);
  t.equal(engineKey("machine", { ...choice, tolerance: { absolute: 1, relative: 0 } }), engineKey("machine", choice));
});

t.test("a folder is there again after a restart, and for this user alone", async (t) => {
  const { directory, engines } = await open(t);
  const folder = await compile(engines, bundle("a"));
  const again = await openEngineDirectory(directory, "machine", log);
  t.equal(await again.folderFor(bundle("a"), choice), folder);
  t.equal(readdirSync(folder).length, 1);
  for (const place of [directory, dirname(folder), folder]) t.equal(statSync(place).mode & 0o777, 0o700);
});

t.test("engines that are not trusted any more go, and it is told whether there were any", async (t) => {
  const { engines } = await open(t);
  t.notOk(await engines.forget(bundle("a"), choice));
  const folder = await compile(engines, bundle("a"));
  t.ok(await engines.forget(bundle("a"), choice));
  t.notOk(existsSync(folder));
});

t.test("engines go with their bundle", async (t) => {
  const { directory, engines } = await open(t);
  for (const letter of ["a", "b", "c"]) await compile(engines, bundle(letter));
  await engines.keepOnly(new Set([bundle("b").statement]));
  t.same(readdirSync(directory), [bundle("b").statement]);
});

t.test("beyond their bound the engines used longest ago go first", async (t) => {
  const { directory, engines } = await open(t, 25);
  const all = ["a", "b", "c"].map(bundle);
  for (const one of all) await compile(engines, one);
  for (const [at, { statement }] of all.entries()) utimesSync(join(directory, statement), at, at);
  await engines.folderFor(bundle("a"), choice);
  await engines.keepOnly(new Set(all.map(({ statement }) => statement)));
  t.same(readdirSync(directory).sort(), [bundle("a").statement, bundle("c").statement]);
});

t.test("where there is no place, models are compiled at each start", async (t) => {
  const { directory, engines } = await open(t);
  writeFileSync(join(directory, bundle("a").statement), "a file where a folder should be");
  t.equal(await engines.folderFor(bundle("a"), choice), undefined);
});
