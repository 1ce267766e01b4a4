import t from "tap";
import { readFileSync } from "node:fs";
import { FerryError } from "../../../common/ferry-error.ts";
import { parseRules } from "../../../controller/alerts/parse-rules.ts";

t.test("the example has no mistake", async (t) => {
  const rules = parseRules(readFileSync("examples/alerts/rules.yaml", "utf8"), "rules.yaml");
  t.ok(rules.length >= 3);
  t.match(rules[0], { name: "oslo-hot", metric: "temperature_celsius", is: ">", threshold: 70, forMs: 300_000 });
});

const cases = [
  {
    when: "a metric is misspelt",
    text: "metric: eror_ratio",
    says: /line 3, rules\[0\]\.metric: .*did you mean error_ratio\?/,
  },
  {
    when: "a field is misspelt",
    text: "metric: error_ratio\n    treshold: 1",
    says: /line 4: there is no field "treshold"; did you mean threshold\?/,
  },
  {
    when: "a time has no unit",
    text: "metric: error_ratio\n    for: 10",
    says: /line 4, rules\[0\]\.for: 10 is not a time/,
  },
  { when: "something is missing", text: "metric: error_ratio", says: /threshold is missing/ },
  { when: "it is not YAML", text: "metric: [", says: /line \d+: / },
];
for (const { when, text, says } of cases) {
  t.test(`the line is named when ${when}`, async (t) => {
    try {
      parseRules(`rules:\n  - name: a\n    ${text}\n`, "my.yaml");
      t.fail("it is refused");
    } catch (thrown) {
      if (!(thrown instanceof FerryError)) throw thrown;
      t.match(thrown, { code: "bad-file", message: /^my\.yaml cannot be used/ });
      t.match(thrown.message, says);
    }
  });
}

t.test("a name that stands twice is refused", async (t) => {
  const rule = "  - {name: a, metric: error_ratio, is: '>', threshold: 1, severity: note}\n";
  t.throws(() => parseRules(`rules:\n${rule}${rule}`, "f"), { message: /twice/ });
});
