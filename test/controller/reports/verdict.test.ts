import t from "tap";
import type { Finding } from "../../../controller/reports/report-shape.ts";
import { verdictOf } from "../../../controller/reports/verdict.ts";

const finding = (severity: Finding["severity"], text: string): Finding => ({ severity, text, devices: [], next: "" });

const cases = [
  { when: "there is no finding", findings: [], then: { tone: "good", text: "All is well." } },
  { when: "there are only notes", findings: [finding("note", "a")], then: { tone: "good", text: "All is well." } },
  { when: "one warning", findings: [finding("warning", "a")], then: { tone: "warning", text: "a." } },
  {
    when: "several",
    findings: [finding("critical", "a"), finding("warning", "b"), finding("note", "c")],
    then: { tone: "critical", text: "a; 1 more finding needs attention." },
  },
];
for (const { when, findings, then } of cases) {
  t.test(`${then.tone} when ${when}`, async (t) => t.same(verdictOf(findings, "All is well."), then));
}
