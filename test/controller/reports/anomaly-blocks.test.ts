import t from "tap";
import type { AnomalyVerdict } from "../../../controller/drift/anomaly-shape.ts";
import { anomalyBlocks, anomalyFindings } from "../../../controller/reports/anomaly-blocks.ts";
import { NOW_MS } from "../../support/device-views.ts";

function verdict(device: string, state: AnomalyVerdict["state"]): AnomalyVerdict {
  return {
    ...{ slot: "digits", version: "1.0.0", device, devices: 1, state, examples: 200, anomalous: 30 },
    ...{ expectedShare: 0.01, detectors: [], farthest: [{ feature: "pixels[3]", examples: 20 }], spans: [] },
    ...{ fromMs: 0, toMs: NOW_MS, sentence: "As it is." },
  };
}

t.test("each device with unusual examples is named, with where to look; many of them together", async (t) => {
  const [one, ...none] = anomalyFindings([verdict("cam-1", "anomalous"), verdict("cam-2", "usual")]);
  t.match(one, {
    text: "15.0 % of what digits@1.0.0 is given on cam-1 is unusual, mostly in pixels[3]; 1.0 % is normal",
    devices: ["cam-1"],
    next: /ferry drift show digits 'pixels\[3\]'/,
  });
  t.same(none, []);
  const many = anomalyFindings(["a", "b", "c", "d", "e", "f", "g"].map((name) => verdict(name, "anomalous")));
  t.equal(many.length, 6);
  t.match(many.at(-1), { text: "2 more devices are given unusual examples", devices: ["f", "g"] });
});

t.test("where nothing is scored there is no table", async (t) => {
  t.same(anomalyBlocks([verdict("cam-1", "not-scored"), verdict("cam-2", "inconclusive")]), []);
  t.match(anomalyBlocks([verdict("cam-1", "usual")]), [{ rows: [[{ text: "cam-1" }]] }]);
});
