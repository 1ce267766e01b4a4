import t from "tap";
import { NO_PAINT, renderText } from "../../../controller/reports/render-text.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

const text = renderText(EVERYTHING, NO_PAINT);

t.test("the verdict comes first, then what to do", async (t) => {
  const [title, verdict, , todo, first, next] = text.split("\n");
  t.match(title, /^Fleet <oslo>.* 2026-11-21 12:00:00 UTC, the last 24 h$/);
  t.equal(verdict, "cam-2 fails; 1 more finding needs attention.");
  t.equal(todo, "What to do next");
  t.match(first, /✖ cam-2 fails.*\(cam-2\)$/);
  t.match(next, "→ See `ferry device show cam-2`.");
});

t.test("columns are aligned by what is seen, whatever paint is on them", async (t) => {
  const painted = renderText(EVERYTHING, { ...NO_PAINT, tone: (value) => `\u001b[31m${value}\u001b[39m` });
  t.equal(painted.replaceAll(/\u001b\[\d+m/g, ""), text); // eslint-disable-line no-control-regex
  t.match(text, /^ {2}MODEL +P95 {2}WHY$/m);
  t.match(text, /^ {2}digits@1\.0\.0 {2}8\.0 ms {2}@SUM\(A1\)$/m);
});

t.test("what devices said cannot steer the terminal", async (t) => {
  const report = { ...EVERYTHING, verdict: { tone: "good", text: "a\u001b[2Jb\nc" } } as const;
  t.match(renderText(report, NO_PAINT), "a [2Jb c");
});
