import t from "tap";
import { Compile } from "typebox/compile";
import { experimentDocument } from "../../../controller/experiments/experiment-document.ts";
import { experimentResults } from "../../../controller/experiments/experiment-results.ts";
import { completeExperiment } from "../../../controller/experiments/experiment-spec.ts";
import { ReportDocument } from "../../../controller/reports/document.ts";
import { renderReport } from "../../../controller/reports/render-report.ts";
import type { ExperimentRow } from "../../../controller/store/tables.ts";
import { NOW_MS } from "../../support/device-views.ts";
import { ARMS, metricNamed, runNoisyExperiment, type NoisyExperiment } from "../../support/noisy-experiment.ts";

const METRICS = ["accuracy", "latency_p95_ms"].map((name) => metricNamed(name));
const spec = completeExperiment({
  ...{ name: "warm", model: ARMS.slot, version: ARMS.candidate },
  metrics: METRICS.map(({ metric }) => ({ metric: metric.name })),
});

function documentOf(experiment: Partial<NoisyExperiment>, change: Partial<ExperimentRow> = {}): ReportDocument {
  const whole = { seed: 2, devices: 3, share: 0.5, intervals: 120, b: {}, ...experiment };
  const counted = [...runNoisyExperiment(whole, METRICS)].at(-1) ?? [];
  const row: ExperimentRow = {
    ...{ id: 1, name: "warm", rollout: 7, model: ARMS.slot, candidate: ARMS.candidate, former: ARMS.former },
    ...{
      selector: "site=oslo",
      spec_json: JSON.stringify(spec),
      author: "ada",
      created_ms: NOW_MS,
      ends_ms: NOW_MS + 1,
    },
    ...{ state: "running", ended_ms: null, ended_by: null, why: null, promotion: null },
    ...change,
  };
  const question = {
    metrics: METRICS,
    share: 0.5,
    alpha: 0.05,
    candidate: row.candidate,
    isOver: row.state !== "running",
  };
  return experimentDocument({ row, spec, results: experimentResults(question, counted), atMs: NOW_MS + 1_200_000 });
}

t.test("a slower version: what to do next, and every format has it", async (t) => {
  const report = documentOf({ b: { slower: 1.5 } });
  t.ok(Compile(ReportDocument).Check(report));
  t.match(report, {
    kind: "experiment",
    title: "Experiment warm",
    verdict: { tone: "good", text: /is slower by .*: keep A/ },
  });
  t.match(report.findings, [
    { severity: "warning", text: /is slower/, next: "Keep A: ferry experiment stop warm" },
    { severity: "note", text: /^Undecided: accuracy needs about/, next: /ferry feedback/ },
  ]);
  for (const format of ["text", "html", "md", "csv", "json"] as const) {
    const text = renderReport(report, format);
    t.match(text, /latency\\?_p95/, format);
    t.match(text, /cam-3/, format);
  }
  t.match(renderReport(report, "html"), /<svg/);
});

t.test("one that is better in one thing and worse in another leaves the choice, worst first", async (t) => {
  const { findings } = documentOf({ b: { slower: 1.5, rightMore: 0.12 }, labelled: 1, intervals: 200 });
  t.match(findings, [
    { severity: "warning", next: /^Weigh it .*keeps A/ },
    { severity: "note", next: /^Weigh it/ },
  ]);
});

t.test("one that is not to be trusted says so first", async (t) => {
  const { verdict, findings } = documentOf({ share: 0.35 });
  t.match(verdict, { tone: "critical", text: /not to be trusted/ });
  t.match(findings[0], { severity: "critical", next: /Find the cause/ });
});

t.test("one that is over asks for nothing that cannot be done any more", async (t) => {
  const over = { state: "kept", ended_ms: NOW_MS + 600_000, ended_by: "ada", why: "stopped by ada" } as const;
  const report = documentOf({ b: { slower: 1.5 } }, over);
  t.notMatch(JSON.stringify(report.findings), /experiment stop/);
  t.match(JSON.stringify(report.sections), /ran for 10 min and has ended, kept: stopped by ada/);
});

t.test("one without a record yet is a report all the same", async (t) => {
  const report = documentOf({ intervals: 1, devices: 1 });
  t.match(
    report.findings.map(({ severity }) => severity),
    ["note", "note"],
  );
  t.match(renderReport(report, "text"), /Undecided/);
});
