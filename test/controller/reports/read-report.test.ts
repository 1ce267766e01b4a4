import t from "tap";
import { csvFiles } from "../../../controller/reports/render-csv.ts";
import { renderReport, REPORT_FORMATS, reportFileName } from "../../../controller/reports/render-report.ts";
import { reportQuestion } from "../../../controller/reports/report-question.ts";
import { openReportWorld } from "../../support/report-world.ts";

const HOUR_MS = 3_600_000;

t.test("reports over a fleet with a bad device, a drifting model and a gap", async (t) => {
  await using reports = await openReportWorld(t);
  const asked = (kind: Parameters<typeof reportQuestion>[0]["kind"], subject?: string) =>
    reportQuestion({ kind, subject, windowMs: HOUR_MS });

  await t.test("the fleet's names all three, each with what to do next", async (t) => {
    const { findings, verdict } = await reports.read(asked("fleet"));
    t.equal(verdict.tone, "critical");
    const found = (text: RegExp) => findings.find((finding) => text.test(finding.text));
    t.match(
      found(/^cam-4 failed 20\.0 % of its requests of digits@1\.0\.0; the other devices of linux-x64 failed 0 %/),
      {
        severity: "warning",
        devices: ["cam-4"],
        next: /ferry report device cam-4/,
      },
    );
    t.match(found(/^digits@1\.0\.0 drifts: pixels\.mean differs from the bundle's baseline/), {
      devices: ["cam-1", "cam-2", "cam-3", "cam-4"],
      next: /ferry drift show digits 'pixels\.mean'/,
    });
    t.match(found(/declared gaps/), { devices: ["cam-3"], next: /ferry telemetry gaps --device cam-3/ });
    t.match(found(/^cam-2 sent records from the future \(3 times, clock-ahead\)/), {
      devices: ["cam-2"],
      next: /clock/,
    });
    t.ok(findings.every(({ next }) => next !== ""));
  });

  await t.test("and shows how latency went, by hardware too", async (t) => {
    const text = await reports.text(asked("fleet"));
    t.match(text, /digits@1\.0\.0 from (0\.9|1\.0)\d ms to (4\.9|5\.0)\d ms/);
    t.match(text, /digits@1\.0\.0 at most 5\.\d %/);
    t.match(text, /linux-x64 +digits@1\.0\.0 +4 +1.700 +5\.9 % +/);
    t.match(text, /cam-2 +clock-ahead +3 /);
    t.match(text, /pixels\.mean +digits@1\.0\.0 +input +drifting /);
  });

  await t.test("a model's says where its versions are, what they do and whether they are right", async (t) => {
    const text = await reports.text(asked("model", "digits"));
    t.match(text, /^Model digits/m);
    t.match(text, /2\.0\.0 +1 .*its first examples/);
    t.match(text, /1\.0\.0 +3 /);
    t.match(text, /1\.0\.0 +400 +95\.0 % +92\.4 % to 96\.7 %/);
    t.match(text, /Rollout 2 of digits@2\.0\.0 failed on 1 of 4 devices/);
    t.match(text, "pixels.mean of digits@1.0.0");
    await t.rejects(reports.read(asked("model", "digit")), { code: "not-found", hint: /ferry bundle list/ });
  });

  await t.test("a device's says what it serves, how it is, and what keeps it from what it should do", async (t) => {
    const document = await reports.read(asked("device", "cam-4"));
    t.equal(document.verdict.tone, "critical");
    const text = await reports.text(asked("device", "cam-4"));
    t.notMatch(text, "refuses what it is to serve", "the rollout says so");
    t.match(text, /Rollout 2 of digits@2\.0\.0 failed on cam-4/);
    t.match(text, /cam-4 was at 88 °C/);
    t.match(text, /cam-4 held its clock back in 100 % of this time/);
    t.match(text, /Memory in use +25 % of 4 GB/);
    t.match(text, /digits +2\.0\.0 +1\.0\.0 +failed +20\/20 +0\.40 ms +cpu/);
    t.match(text, /processor at most 50 %/);
    const calm = await reports.text(asked("device", "cam-1"));
    t.match(calm, /Needs attention|drifts/);
    t.notMatch(calm, "clock back");
    await t.rejects(reports.read(asked("device", "cam-9")), { code: "not-found" });
  });

  await t.test("a rollout's says who proves it, who failed and why", async (t) => {
    const document = await reports.read(asked("rollout", "2"));
    t.match(document.findings[0], { severity: "critical", devices: ["cam-4"], next: /ferry rollout retry 2/ });
    const text = await reports.text(asked("rollout", "2"));
    t.match(text, /1 of 4 devices proved it by their own signed reports, 1 failed/);
    t.match(text, /cam-4 +failed .*case 3 is NaN/);
    t.match(text, /cam-1 +20\/20 +0\.40 ms/);
    t.match(text, "replaces 1.0.0");
    await t.rejects(reports.read(asked("rollout", "9")), { code: "not-found" });
  });

  await t.test("drift's says what changed, with both histograms", async (t) => {
    const document = await reports.read(asked("drift", "digits"));
    t.match(document.findings, [{ severity: "warning", text: /^digits@1\.0\.0 drifts/ }]);
    const [chart] = document.sections.flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === "chart"));
    t.match(chart, { shape: "bars", series: [{ name: "reference" }, { name: "now" }] });
    t.match(await reports.read(asked("drift", "other")), { verdict: { tone: "good" }, findings: [] });
  });

  await t.test("all of them in every format", async (t) => {
    for (const question of [
      asked("model", "digits"),
      asked("device", "cam-4"),
      asked("rollout", "2"),
      asked("drift"),
    ]) {
      const document = await reports.read(question);
      for (const format of REPORT_FORMATS)
        t.ok(renderReport(document, format).length > 500, `${question.kind} ${format}`);
      const names = csvFiles(document).map(({ name }) => name);
      t.equal(new Set(names).size, names.length, "titles of tables are unique");
      t.match(reportFileName(document, "html"), /^[a-zA-Z0-9.-]+\.html$/);
    }
  });
});

t.test("what a report is about must fit its kind", async (t) => {
  for (const [kind, subject, hint] of [
    ["model", undefined, /name of a model/],
    ["device", "Cam 17", /id of a device/],
    ["rollout", "seven", /number of a rollout/],
    ["experiment", "../etc", /name of an experiment/],
    ["fleet", "demo", /Leave the subject out/],
  ] as const) {
    t.throws(() => reportQuestion({ kind, subject, windowMs: 1 }), { code: "bad-request", hint });
  }
  t.same(reportQuestion({ kind: "drift", windowMs: 1 }), { kind: "drift", windowMs: 1 });
});
