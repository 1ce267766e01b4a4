import { writeFileSync } from "node:fs";
import t from "tap";
import type { ServedSlot, VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { Labels } from "../../../agent/serve/labels.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const digits = digitsFolder("1.0.0");

function serving(...bundles: VerifiedBundle[]) {
  return { slots: () => bundles.map((bundle) => ({ bundle }) as ServedSlot) };
}

t.test("labels are read once for each bundle, and told of those that serve", async (t) => {
  const directory = t.testdir({ "labels.txt": "cat\r\ndog\n" });
  const opened = () => ({ ...digits, directory, model: { ...digits.model } });
  const bundle = opened();
  const labels = new Labels();
  t.same(await labels.of(serving(bundle), bundle.statement), ["cat", "dog"]);
  writeFileSync(`${directory}/labels.txt`, "bird\n");
  t.same(await labels.of(serving(bundle), bundle.statement), ["cat", "dog"]);
  t.same(await labels.of(serving(), bundle.statement), []);
  t.same(await labels.of(serving(opened()), bundle.statement), ["bird"], "a bundle that was opened anew is read anew");
});

t.test("a bundle without labels has none", async (t) => {
  const { labels: _, ...model } = digits.model;
  const statement = "0".repeat(64) as StatementDigest;
  t.same(await new Labels().of(serving({ ...digits, statement, model }), statement), []);
  t.same(
    await new Labels().of(serving({ ...digits, directory: t.testdir(), model: { ...digits.model } }), digits.statement),
    [],
  );
});
