import t from "tap";
import { readdirSync } from "node:fs";
import { fuzzTargets } from "./fuzz-targets.ts";
import type { FuzzFailure } from "./fuzz-target.ts";
import { KEPT_FOLDER, keptInputs } from "./kept-inputs.ts";
import { TARGETS as PLANTED } from "./planted.ts";
import { TARGETS } from "./targets/targets.ts";

/** Of a cheap decoder: all of them together are some seconds. `scripts/fuzz` goes on for as long as one likes. */
const INPUTS = 128;
/** A machine that does ten other things must not turn a count into a time. */
const MS_MAX = 60_000;

function told(failures: readonly FuzzFailure[]): string[] {
  return failures.map(
    ({ target, why, input }) => `${target}: ${why}: ${Buffer.from(input).toString("base64").slice(0, 300)}`,
  );
}

t.test("no decoder fails on what was found before, or on inputs like it", async (t) => {
  const tried = new Map<string, number>();
  const failures = await fuzzTargets({
    registry: new URL("targets/targets.ts", import.meta.url),
    targets: TARGETS.map(({ name }) => name),
    seed: 1,
    share: { inputsMax: INPUTS, msMax: MS_MAX },
    onResult: (target, { inputs }) => tried.set(target, inputs),
  });
  t.same(told(failures), []);
  for (const { name } of TARGETS) t.ok((tried.get(name) ?? 0) > keptInputs(name).length, `${name} was tried`);
});

t.test("every input that is kept belongs to a decoder", async (t) => {
  const names = TARGETS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  const folders = readdirSync(KEPT_FOLDER).filter((name) => name !== "README.md");
  t.same(
    folders.filter((folder) => !names.includes(folder)),
    [],
  );
  for (const folder of folders) t.not(keptInputs(folder).length, 0, folder);
});

t.test("faults that were planted are found, and those after them too", async (t) => {
  const plantedAt = new URL("planted.ts", import.meta.url);
  const targets = PLANTED.map(({ name }) => name);
  const share = { inputsMax: 3_000, msMax: MS_MAX };
  const failures = await fuzzTargets({ registry: plantedAt, targets, seed: 7, share });
  const found = new Map(failures.map(({ target, why }) => [target, why]));
  t.match(found.get("throws-what-it-likes"), /throws TypeError/);
  t.match(found.get("hides-behind-a-word"), /is found/);
  t.match(found.get("takes-its-time"), /takes \d+ ms of the processor/);
  t.match(found.get("fills-the-memory"), /allocates \d+ bytes/);
  t.match(found.get("ends-the-process"), /ends the process with SIGABRT/);
  t.notOk(found.has("is-sound"));

  const crash = failures.find(({ target }) => target === "ends-the-process");
  t.ok((crash?.input.byteLength ?? 0) > 1_000, "the input at which the process ended is known");
});

t.test("the same seed finds the same", async (t) => {
  const options = {
    registry: new URL("planted.ts", import.meta.url),
    targets: ["throws-what-it-likes"],
    share: { inputsMax: 2_000, msMax: MS_MAX },
  };
  const [first, again] = [await fuzzTargets({ ...options, seed: 3 }), await fuzzTargets({ ...options, seed: 3 })];
  t.not(first.length, 0);
  t.same(told(again), told(first));
});
