import type { ReportDocument } from "./document.ts";
import type { Finding } from "./report-shape.ts";

/** The whole in one sentence, from its findings; `fine` is said where there is nothing to do. */
export function verdictOf(findings: readonly Finding[], fine: string): ReportDocument["verdict"] {
  const count = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity).length;
  const [critical, warnings] = [count("critical"), count("warning")];
  const [first] = findings;
  if (first === undefined || critical + warnings === 0) return { tone: "good", text: fine };
  const others = critical + warnings - 1;
  const more = others === 0 ? "" : `; ${others} more ${others === 1 ? "finding needs" : "findings need"} attention`;
  return { tone: critical > 0 ? "critical" : "warning", text: `${first.text}${more}.` };
}
