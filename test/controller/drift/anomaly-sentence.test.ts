import t from "tap";
import type { AnomalyVerdict } from "../../../controller/drift/anomaly-shape.ts";
import { anomalySentence } from "../../../controller/drift/anomaly-sentence.ts";

const verdict: Omit<AnomalyVerdict, "sentence"> = {
  slot: "digits",
  version: "1.1.0",
  devices: 3,
  state: "anomalous",
  examples: 800,
  anomalous: 64,
  expectedShare: 0.01,
  detectors: [],
  farthest: [{ feature: "pixels mean", examples: 60 }],
  spans: [],
  fromMs: 0,
  toMs: 1,
};

t.test("an anomaly names its share, what is normal, what is unusual and the next command", async (t) => {
  t.equal(
    anomalySentence(verdict),
    "digits@1.1.0 on 3 devices: 8 % of 800 examples are unusual, 1 % is normal. Mostly pixels mean is far from normal: " +
      "ferry drift show digits 'pixels mean'. Which devices: ferry anomalies digits@1.1.0.",
  );
  t.match(anomalySentence({ ...verdict, device: "cam-1", devices: 1 }), /on cam-1: .* Look at its sensor/);
});

t.test("what cannot be told says why, and never that all is usual", async (t) => {
  t.match(anomalySentence({ ...verdict, state: "not-scored" }), /ferry bundle baseline/);
  t.match(
    anomalySentence({ ...verdict, state: "inconclusive", examples: 12 }),
    /12 examples are too few .*50 are needed/,
  );
  t.match(anomalySentence({ ...verdict, state: "inconclusive", expectedShare: 0 }), /not in the catalogue/);
  t.match(
    anomalySentence({ ...verdict, state: "usual", anomalous: 8 }),
    /1 % of 800 examples are unusual, 1 % is normal\.$/,
  );
});
