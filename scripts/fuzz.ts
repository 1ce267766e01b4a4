import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fuzzTargets } from "../test/fuzz/fuzz-targets.ts";
import { keepInput } from "../test/fuzz/kept-inputs.ts";
import { TARGETS } from "../test/fuzz/targets/targets.ts";
import { tryInput } from "../test/fuzz/try-input.ts";

const HELP = `scripts/fuzz [--minutes N] [--seed N] [--target NAME]… [--out FOLDER]
scripts/fuzz --target NAME --replay FILE
scripts/fuzz --list

Makes inputs for every decoder of bytes from outside, guided by what code they reach, for N minutes in all (1). The same
seed makes the same inputs. An input on which a decoder hangs, crashes, takes too much, or throws what it does not
promise is written to FOLDER (dist/fuzz); once that is mended, move it to test/fixtures/fuzz/, where each run tries it.`;

const REGISTRY = new URL("../test/fuzz/targets/targets.ts", import.meta.url);

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    target: { type: "string", multiple: true, default: [] },
    replay: { type: "string" },
    out: { type: "string", default: "dist/fuzz" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const say = (text: string) => process.stdout.write(`${text}\n`);

async function fuzz(names: readonly string[]): Promise<number> {
  const seed = Number(values.seed);
  const msMax = (Number(values.minutes) * 60_000) / names.length;
  say(`seed ${String(seed)}, ${(msMax / 1_000).toFixed(1)} s for each of ${String(names.length)} targets`);
  const failures = await fuzzTargets({
    registry: REGISTRY,
    targets: names,
    seed,
    share: { msMax, inputsMax: Number.MAX_SAFE_INTEGER },
    onResult: (target, { inputs, kept, failures: failed }) => {
      const found = failed === 0 ? "" : `, ${String(failed)} failures`;
      say(
        `${target.padEnd(24)} ${String(inputs).padStart(9)} inputs, ${String(kept).padStart(4)} reached further${found}`,
      );
    },
  });
  for (const { target, why, input } of failures) {
    say(`FAILED ${target}: ${why}\n  seed ${String(seed)}, input ${keepInput(values.out, target, input)}`);
  }
  say(failures.length === 0 ? "no decoder failed" : `${String(failures.length)} failures`);
  return failures.length === 0 ? 0 : 1;
}

async function replay(name: string | undefined, file: string): Promise<number> {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) {
    say("Which decoder is it for? Name it with --target; --list names them all.");
    return 2;
  }
  const why = await tryInput(target, readFileSync(file));
  say(why === undefined ? `${target.name} deals with it` : `FAILED ${target.name}: ${why}`);
  return why === undefined ? 0 : 1;
}

async function main(): Promise<number> {
  const all = TARGETS.map(({ name }) => name);
  const unknown = values.target.filter((name) => !all.includes(name));
  if (values.help) say(HELP);
  else if (values.list) say(all.join("\n"));
  else if (unknown.length > 0) say(`There is no target ${unknown.join(", ")}; --list names them all.`);
  else if (values.replay !== undefined) return replay(values.target[0], values.replay);
  else return fuzz(values.target.length === 0 ? all : values.target);
  return unknown.length > 0 ? 2 : 0;
}

process.exitCode = await main();
