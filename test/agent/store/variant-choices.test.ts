import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openVariantChoices } from "../../../agent/store/variant-choices.ts";
import { openLog } from "../../../common/log.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";

const log = openLog("test", "silent");
const digest = (at: number) => at.toString(16).padStart(64, "0") as StatementDigest;
const choice = {
  variant: "int8",
  provider: "cpu",
  figures: [
    { name: "int8", latencyP95Ms: 1.5 },
    { name: "fp16", why: "no" },
  ],
};

t.test("a choice is known after a restart, on the same machine only", async (t) => {
  const path = join(t.testdir(), "variants.json");
  const memory = await openVariantChoices(path, "machine a", log);
  t.equal(memory.recall(digest(1)), undefined);
  await memory.remember(digest(1), choice);
  t.match((await openVariantChoices(path, "machine a", log)).recall(digest(1)), choice);
  t.equal((await openVariantChoices(path, "another onnxruntime", log)).recall(digest(1)), undefined);
});

t.test("a newer choice takes the place of the older, and the oldest are forgotten", async (t) => {
  const path = join(t.testdir(), "variants.json");
  const memory = await openVariantChoices(path, "m", log);
  for (let at = 0; at < 70; at += 1) await memory.remember(digest(at), choice);
  await memory.remember(digest(69), { ...choice, variant: "fp16" });
  t.equal(memory.recall(digest(5)), undefined);
  t.match(memory.recall(digest(6)), choice);
  t.match((await openVariantChoices(path, "m", log)).recall(digest(69)), { variant: "fp16" });
});

t.test("a file that cannot be read is as good as none, and one that cannot be written harms nothing", async (t) => {
  const path = join(t.testdir(), "variants.json");
  for (const text of ["", "{}", "not json", '{"measuredOn":"m","choices":[{"statement":"x"}]}']) {
    writeFileSync(path, text);
    t.equal((await openVariantChoices(path, "m", log)).recall(digest(1)), undefined, text);
  }
  const blocked = join(t.testdir(), "taken");
  mkdirSync(join(blocked, "inside"), { recursive: true });
  const memory = await openVariantChoices(blocked, "m", log);
  await memory.remember(digest(1), choice);
  t.match(memory.recall(digest(1)), choice, "until the agent ends it is known");
});

t.test("the file is plain JSON", async (t) => {
  const path = join(t.testdir(), "variants.json");
  await (await openVariantChoices(path, "m", log)).remember(digest(1), choice);
  t.match(JSON.parse(readFileSync(path, "utf8")), { measuredOn: "m", choices: [{ statement: digest(1), ...choice }] });
});
