import t from "tap";
import type { ReportChart } from "../../../controller/reports/document.ts";
import { svgChart } from "../../../controller/reports/svg-chart.ts";
import { NOW_MS } from "../../support/device-views.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

const charts = EVERYTHING.sections.flatMap(({ blocks }) => blocks.filter((block) => block.kind === "chart"));
const svgOf = (shape: ReportChart["shape"], width = 600) =>
  charts.filter((chart) => chart.shape === shape).map((chart) => svgChart(chart, width, "c"))[0] ?? "";

/** Every place in it. */
function numbersIn(svg: string): number[] {
  return [...svg.matchAll(/ (?:x|x1|x2|cx)="([^"]+)"/g)].map(([, text]) => Number(text));
}

for (const shape of ["lines", "bars", "intervals", "spans"] as const) {
  for (const width of [314, 890]) {
    t.test(`${shape} fit into ${width} pixels`, async (t) => {
      const svg = svgOf(shape, width);
      t.match(svg, `viewBox="0 0 ${width} `);
      t.ok(numbersIn(svg).length > 2);
      t.ok(numbersIn(svg).every((x) => x >= 0 && x <= width));
    });
  }
}

t.test("a line is broken where nothing was measured, and a lonely value is a dot", async (t) => {
  const svg = svgOf("lines");
  t.equal(/<path class="line s0" d="([^"]*)"/.exec(svg)?.[1]?.match(/M/g)?.length, 2);
  t.equal(svg.match(/class="s0 dot"/g)?.length, 1);
  t.match(svg, '<line class="limit"');
});

t.test("a bar's height is its share of the scale", async (t) => {
  const heights = [...svgOf("bars").matchAll(/<rect class="s0"[^>]* height="([^"]+)"/g)].map(([, text]) =>
    Number(text),
  );
  t.equal(heights.length, 3);
  t.ok(Math.abs((heights[0] ?? 0) / (heights[2] ?? 1) - 2) < 0.01, "40 is twice as high as 20");
});

t.test("the reference stands right of an interval that is below it", async (t) => {
  const svg = svgOf("intervals");
  const whisker = /class="whisker good" x1="([^"]+)" x2="([^"]+)"/.exec(svg);
  const reference = /class="limit" x1="([^"]+)"/.exec(svg);
  t.ok(Number(whisker?.[2]) < Number(reference?.[1]));
  t.ok(Number(whisker?.[1]) < Number(whisker?.[2]));
});

t.test("spans are coloured by what they mean, and their label is cut and escaped", async (t) => {
  const svg = svgOf("spans", 314);
  t.match(svg, /<rect class="good"[^>]*><rect|<rect class="good"[^>]*\/><rect class="critical"/);
  t.notMatch(svg, "<script");
});

t.test("nothing to draw is drawn without a broken number", async (t) => {
  const svg = svgChart(
    { kind: "chart", shape: "lines", title: "", unit: "", alternative: "", fromMs: NOW_MS, toMs: NOW_MS, series: [] },
    314,
    "c",
  );
  t.notMatch(svg, /NaN|Infinity/);
});
