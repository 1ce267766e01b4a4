import { writeFileSync } from "node:fs";
import t from "tap";
import { readLabels } from "../../../common/processing/bundle-labels.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const digits = digitsFolder("1.0.0");

t.test("labels are read once for each bundle that was opened", async (t) => {
  const directory = t.testdir({ "labels.txt": "cat\r\ndog\n" });
  const opened = () => ({ ...digits, directory, model: { ...digits.model } });
  const bundle = opened();
  t.same(await readLabels(bundle), ["cat", "dog"]);
  writeFileSync(`${directory}/labels.txt`, "bird\n \n");
  t.same(await readLabels(bundle), ["cat", "dog"]);
  t.same(await readLabels(opened()), ["bird", " "], "the last label of an alphabet may be a space");
});

t.test("a bundle without labels has none", async (t) => {
  t.same(await readLabels({ ...digits, model: {} }), []);
  t.same(await readLabels({ ...digits, directory: t.testdir(), model: { ...digits.model } }), []);
});
