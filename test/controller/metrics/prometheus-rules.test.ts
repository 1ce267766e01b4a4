import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ALERT_RULES } from "../../../controller/metrics/alert-rules.ts";
import { prometheusRules } from "../../../controller/metrics/prometheus-rules.ts";
import { promtool, promtoolAbsent } from "../../support/promtool.ts";

t.test("every alert says what happened and what to do first", async (t) => {
  for (const { name, summary, next } of ALERT_RULES) {
    t.match(name, /^Modelferry[A-Z]/);
    t.ok(summary.length > 20 && next.length > 30, name);
  }
  t.equal(new Set(ALERT_RULES.map(({ name }) => name)).size, ALERT_RULES.length);
});

t.test("Prometheus takes the rules, and they fire when they should", { skip: promtoolAbsent }, async (t) => {
  const directory = t.testdir({});
  const rules = join(directory, "rules.yml");
  writeFileSync(rules, prometheusRules());
  t.equal(promtool(["check", "rules", rules]), "");
  const cases = join(directory, "test.yml");
  writeFileSync(cases, UNIT_TEST);
  t.equal(promtool(["test", "rules", cases]), "");
  writeFileSync(rules, prometheusRules().replace("== 0", "== == 0"));
  t.match(promtool(["check", "rules", rules]), /parse error/, "the check can fail");
});

/** Two fleets: in one everything is wrong for an hour, in the other nothing. */
const UNIT_TEST = `
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'modelferry_devices{instance="bad", state="online"}'
        values: '80x60'
      - series: 'modelferry_devices{instance="bad", state="offline"}'
        values: '20x60'
      - series: 'modelferry_devices{instance="good", state="online"}'
        values: '99x60'
      - series: 'modelferry_devices{instance="good", state="offline"}'
        values: '1x60'
      - series: 'modelferry_telemetry_problems_total{instance="bad", problem="clock-ahead"}'
        values: '0+1x60'
      - series: 'modelferry_telemetry_missing_records{instance="good"}'
        values: '0x60'
    alert_rule_test:
      - eval_time: 30m
        alertname: ModelferryDevicesOffline
        exp_alerts:
          - exp_labels: { severity: warning, instance: bad }
            exp_annotations:
              summary: 20% of the devices are offline
              description: "\`ferry report fleet\` names them: do they share a site or a network?"
      - eval_time: 30m
        alertname: ModelferryTelemetryProblems
        exp_alerts:
          - exp_labels: { severity: warning, problem: clock-ahead }
            exp_annotations:
              summary: "Devices send telemetry that should not be: clock-ahead"
              description: "\`ferry telemetry problems\` names the devices, and what to do about each."
      - eval_time: 30m
        alertname: ModelferryTelemetryMissing
        exp_alerts: []
`;
