import t from "tap";
import type { DistributionRow } from "../../../controller/drift/read-distributions.ts";
import { spansOf } from "../../../controller/drift/spans-of.ts";

function row(atMs: number, feature: string, count: number, anomalous: number): DistributionRow {
  const fields = {
    slot: "digits",
    version: "1.0.0",
    feature,
    role: "score",
    type: "number",
    windowMs: 60_000,
  } as const;
  return { device: "cam-1", atMs, fields: { ...fields, seen: count, count, missing: 0, anomalous } } as DistributionRow;
}

t.test("each stretch counts by the detector that found most, and empty stretches are left out", async (t) => {
  const spans = spansOf([
    row(0, "robust-z", 100, 2),
    row(0, "mahalanobis", 100, 7),
    row(0, "farthest-feature", 7, 0),
    row(86_400_000, "robust-z", 50, 1),
  ]);
  t.match(spans, [
    { fromMs: 0, examples: 100, anomalous: 7 },
    { examples: 50, anomalous: 1 },
  ]);
  t.equal(spans.length, 2);
  t.ok((spans[1]?.fromMs ?? 0) <= 86_400_000 && (spans[1]?.toMs ?? 0) > 86_400_000);
});

t.test("of nothing there are no stretches", async (t) => {
  t.same(spansOf([]), []);
});
