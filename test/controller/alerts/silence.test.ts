import t from "tap";
import { isSilenced, matcherText, parseMatcher, type Matcher } from "../../../controller/alerts/silence.ts";
import { alertFiring } from "../../support/alerts.ts";
import { NOW_MS } from "../../support/device-views.ts";

const matcher = (text: string): Matcher => {
  const parsed = parseMatcher(text);
  if (parsed === undefined) throw new Error(`${text} is no matcher`);
  return parsed;
};
const cases = [
  { matchers: ["device=cam-1"], then: true },
  { matchers: ["device=cam-2"], then: false },
  { matchers: ["device=cam*"], then: true },
  { matchers: ["device=cam-1", "rule=hot"], then: false },
  { matchers: ["rule=device-offline", "severity=warning"], then: true },
  { matchers: ["device!=cam-1"], then: false },
  { matchers: ["site!=bergen"], then: true },
];
for (const { matchers, then } of cases) {
  t.test(`${matchers.join(" ")} ${then ? "silences" : "does not silence"} an alert of cam-1`, async (t) => {
    const silence = { id: 1, matchers: matchers.map(matcher), untilMs: NOW_MS + 1, by: "", comment: "", createdMs: 0 };
    t.equal(isSilenced(alertFiring("cam-1"), [silence], NOW_MS), then);
    t.equal(isSilenced(alertFiring("cam-1"), [silence], NOW_MS + 1), false, "it ends");
    t.same(silence.matchers.map(matcherText), matchers);
  });
}

t.test("what is no matcher is none", async (t) => {
  for (const text of ["", "device", "=x", "a b=c"]) t.equal(parseMatcher(text), undefined);
});
