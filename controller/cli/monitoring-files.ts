import type { Command } from "commander";
import { grafanaDashboard } from "../metrics/grafana-dashboard.ts";
import { prometheusRules } from "../metrics/prometheus-rules.ts";
import { withExamples } from "./context.ts";
import { print } from "./output.ts";

/** What a Prometheus and a Grafana of one's own are given: files, made from the program's own figures. */
export function addMonitoringFileCommands(program: Command): void {
  const rules = program
    .command("prometheus-rules")
    .description("alert rules for Prometheus, as a file")
    .action(() => {
      print(prometheusRules().trimEnd());
    });
  withExamples(rules, "ferry prometheus-rules > modelferry.rules.yml && promtool check rules modelferry.rules.yml");
  const grafana = program
    .command("grafana")
    .description("a dashboard for Grafana, as JSON to import")
    .action(() => {
      print(JSON.stringify(grafanaDashboard(), undefined, 2));
    });
  withExamples(grafana, "ferry grafana > modelferry.json");
}
