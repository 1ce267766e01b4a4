import t from "tap";
import { sentenceOf } from "../../../controller/drift/drift-sentence.ts";

const verdict = {
  slot: "digits",
  version: "1.0.0",
  feature: "x",
  role: "input",
  type: "number",
  state: "drifting",
  isDrifting: true,
  reference: "bundle",
  referenceSamples: 500,
  samples: 200,
  untold: 0,
  devices: ["d1"],
  statistics: {
    psi: 0.5,
    pValue: 0,
    jensenShannon: 0,
    chiSquare: 0,
    chiSquarePValue: 0,
    missing: 0,
    referenceMissing: 0,
  },
  threshold: 0.2,
  fromMs: 0,
  toMs: 1,
} as const;

const cases = [
  {
    what: "examples that devices only counted",
    change: { state: "not-measured" as const, isDrifting: false, samples: 0, untold: 900 },
    says: /^x of digits@1\.0\.0 is not measured: 900 examples were only counted.*data budget/,
  },
  {
    what: "a calm part of devices that partly only count",
    change: { state: "steady" as const, isDrifting: false, untold: 900 },
    says: /is as in .*900 more were only counted/,
  },
  { what: "an input that drifts", change: {}, says: /on d1 .*Where sensors are in order/ },
  { what: "an output that drifts", change: { role: "output" as const }, says: /ferry accuracy digits/ },
  {
    what: "values that are missing",
    change: { statistics: { ...verdict.statistics, missing: 0.4 } },
    says: /40 % of the values are no numbers: check the sensor/,
  },
  {
    what: "categories that are unknown",
    change: { statistics: { ...verdict.statistics, unknown: 0.2 } },
    says: /20 % are categories that the reference does not have/,
  },
  { what: "a feature that is as it was", change: { state: "steady" as const }, says: /is as in the bundle's baseline/ },
  { what: "too few", change: { state: "inconclusive" as const, samples: 9 }, says: /9 examples are too few .* 50 are/ },
  {
    what: "no reference",
    change: { state: "inconclusive" as const, reference: "none" as const },
    says: /ferry bundle baseline/,
  },
];
for (const { what, change, says } of cases) {
  t.test(`a verdict says what to do next: ${what}`, async (t) => {
    t.match(sentenceOf({ ...verdict, ...change, devices: ["d1"] }), says);
  });
}
