import t from "tap";
import type { DriftVerdict } from "../../../controller/drift/drift-shape.ts";
import { driftDocument } from "../../../controller/reports/drift-document.ts";
import { NOW_MS } from "../../support/device-views.ts";

const DAY_MS = 86_400_000;

const STATISTICS = {
  ...{ psi: 0.4, pValue: 0.001, jensenShannon: 0.3, chiSquare: 9, chiSquarePValue: 0.001 },
  ...{ missing: 0, referenceMissing: 0 },
};

function picture(feature: string, state: DriftVerdict["state"], change: Partial<DriftVerdict> = {}) {
  const verdict: DriftVerdict = {
    ...{ slot: "digits", version: "1.0.0", feature, role: "input", type: "category", state },
    ...{ isDrifting: state === "drifting", reference: "bundle", referenceSamples: 1_000, samples: 500, untold: 0 },
    ...{ devices: ["cam-1"], statistics: STATISTICS, threshold: 0.1, fromMs: 0, toMs: NOW_MS, sentence: "As it is." },
    ...change,
  };
  const bins = Array.from({ length: 20 }, (_, at) => ({ name: `c${at}`, reference: 100 - at, current: at }));
  return { verdict, bins };
}

function about(...pictures: ReturnType<typeof picture>[]) {
  return driftDocument({ model: "digits", pictures, atMs: NOW_MS, windowMs: DAY_MS });
}

t.test("features of one version are one finding, whose step depends on what drifts", async (t) => {
  const drifting = (change: Partial<DriftVerdict>) => about(picture("a", "drifting", change)).findings[0]?.next;
  t.match(drifting({}), /Check the sensors/);
  t.match(drifting({ role: "output" }), /suspect the model or its preprocessing/);
  const statistics = { ...STATISTICS, missing: 0.3 };
  t.match(drifting({ statistics }), /a has more missing values than its reference/);
  const many = about(...["a", "b", "c", "d", "e", "f"].map((name) => picture(name, "drifting")));
  t.match(many.findings, [
    { text: /drifts: a, b, c, d and 2 more differ from the bundle's baseline$/, devices: ["cam-1"] },
  ]);
  t.equal(many.verdict.tone, "warning");
});

t.test("what devices only count is not measured, which no report calls calm", async (t) => {
  const silent = about(picture("a", "not-measured", { samples: 0, untold: 800 }));
  t.match(silent.findings, [{ severity: "note", text: /not measured in 1 feature/, next: /--data-budget/ }]);
  t.notMatch(silent.verdict.text, /No feature drifts/);
});

t.test("what cannot be judged yet is said, with what would make it possible", async (t) => {
  const few = about(picture("a", "inconclusive", { samples: 20 }), picture("b", "steady"));
  t.match(few.findings, [{ severity: "note", text: /1 feature of digits@1\.0\.0 had too few/, next: /--window 7d/ }]);
  t.match(few.verdict, { tone: "good", text: "No feature drifts; 1 of 2 is as in the reference." });
  const without = about(picture("a", "inconclusive", { reference: "none" }));
  t.match(without.findings, [{ next: /ferry bundle baseline/ }]);
});

t.test("a histogram shows shares of the most frequent values, and the rest together", async (t) => {
  const [chart] = about(picture("a", "drifting")).sections.flatMap(({ blocks }) =>
    blocks.flatMap((block) => (block.kind === "chart" && block.shape === "bars" ? [block] : [])),
  );
  if (chart === undefined) throw new Error("there is a chart");
  t.equal(chart.categories.length, 17);
  t.equal(chart.categories.at(-1), "4 others");
  for (const { values } of chart.series) t.ok(Math.abs(values.reduce((sum, value) => sum + value, 0) - 100) < 0.2);
});
