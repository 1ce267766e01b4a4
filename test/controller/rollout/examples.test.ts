/** The rollout files that people begin from. */
import t from "tap";
import { readdirSync, readFileSync } from "node:fs";
import { parseRolloutFile } from "../../../controller/rollout/parse-rollout-file.ts";
import { resourceText } from "../../../controller/rollout/resource-text.ts";

const folder = "examples/rollouts";
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

t.test("there are examples", async (t) => t.not(files.length, 0));

for (const name of files) {
  t.test(`${name} is right, and means the same when it is printed with every default`, async (t) => {
    const resources = parseRolloutFile(
      readFileSync(`${folder}/${name}`, "utf8"),
      name,
      Date.parse("2026-11-21T10:00Z"),
    );
    t.same(parseRolloutFile(resources.map(resourceText).join("---\n"), name, 0), resources);
  });
}

t.test("the file in docs/OPERATING.md is right", async (t) => {
  const [, text] =
    /```yaml\n(apiVersion: modelferry\/v1[^]*?)```/.exec(readFileSync("docs/OPERATING.md", "utf8")) ?? [];
  t.match(parseRolloutFile(text ?? "", "OPERATING.md", 0), [{ kind: "Rollout" }]);
});
