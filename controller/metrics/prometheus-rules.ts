import { stringify } from "yaml";
import { ALERT_RULES, type AlertRule } from "./alert-rules.ts";

/** A rule file for Prometheus. */
export function prometheusRules(rules: readonly AlertRule[] = ALERT_RULES): string {
  const groups = [
    {
      name: "modelferry",
      rules: rules.map(({ name, expression, for: lasting, severity, summary, next }) => ({
        alert: name,
        expr: expression,
        for: lasting,
        labels: { severity },
        annotations: { summary, description: next },
      })),
    },
  ];
  return `${HEADER}${stringify({ groups }, { lineWidth: 0 })}`;
}

const HEADER = `# Alerts on a Modelferry controller, as \`ferry prometheus-rules\` prints them. The job that reads it is called "modelferry".\n`;
