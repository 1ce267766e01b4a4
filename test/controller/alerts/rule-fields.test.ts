import t from "tap";
import { DEFAULT_RULES } from "../../../controller/alerts/default-rules.ts";
import { readNamedRule, readRuleFields, ruleFieldsOf, ruleName } from "../../../controller/alerts/rule-fields.ts";
import { placeIn, type Refusal } from "../../../controller/rollout/document-reader.ts";

t.test("every rule of the program is read from its own fields as the same rule", async (t) => {
  for (const rule of DEFAULT_RULES) {
    const refusals: Refusal[] = [];
    t.same(readRuleFields(ruleFieldsOf(rule), placeIn(refusals), rule.name), rule);
    t.same(refusals, []);
  }
});

t.test("a rule of a list says its own name, an alert's spec does not", async (t) => {
  const fields = { metric: "error_ratio", is: ">", threshold: 0.1, severity: "note" };
  const refusals: Refusal[] = [];
  t.match(readNamedRule({ name: "errors", ...fields }, placeIn(refusals)), { name: "errors", enabled: true, forMs: 0 });
  t.same(refusals, []);
  t.match(readRuleFields({ name: "errors", ...fields }, placeIn(refusals), "errors"), { name: "errors" });
  t.match(refusals, [{ text: /no field "name"/ }]);
});

const mistakes = [
  { of: { for: "8d" }, says: /at most 7d/ },
  { of: { for: "soon" }, says: /not a time/ },
  { of: { match: "site=oslo" }, says: /list of labels/ },
  { of: { severity: "warnin" }, says: /did you mean warning/ },
];
for (const { of, says } of mistakes) {
  t.test(`${JSON.stringify(of)} is refused`, async (t) => {
    const refusals: Refusal[] = [];
    const fields = { metric: "error_ratio", is: ">", threshold: 0.1, severity: "note", ...of };
    readRuleFields(fields, placeIn(refusals), "errors");
    t.match(refusals, [{ text: says }]);
  });
}

t.test("a name with capitals is none", async (t) => {
  const refusals: Refusal[] = [];
  t.equal(ruleName("Hot", placeIn(refusals)), null);
  t.match(refusals, [{ text: /lower-case/ }]);
});
