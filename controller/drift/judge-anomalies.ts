/** Where more examples are unusual than in the baseline. Pure. */
import type { Detectors } from "../../protocol/bundle/baseline.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { DistributionSum } from "../../protocol/distribution-sum.ts";
import { FARTHEST_FEATURE, MAHALANOBIS, ROBUST_Z } from "../../protocol/features/anomaly-scorer.ts";
import type { DistributionRow } from "./read-distributions.ts";
import { ANOMALY_EXAMPLES_MIN, anomalySentence } from "./anomaly-sentence.ts";
import type { AnomalyDetector, AnomalySpan, AnomalyState, AnomalyVerdict } from "./anomaly-shape.ts";
import { exceedanceProbability } from "./exceedance.ts";
import { FALSE_ALARMS } from "./judge-feature.ts";
import { believed } from "./multiple-tests.ts";
import { spansOf } from "./spans-of.ts";

/** What was scored of one version, on one device or on all. */
export interface AnomalyCase {
  readonly slot: string;
  readonly version: string;
  /** Undefined: of all devices together. */
  readonly device: string | undefined;
  /** Devices on which it answered. */
  readonly devices: number;
  /** Of the version's baseline; undefined where there are none, or they are not known here. */
  readonly detectors: Detectors | undefined;
  readonly rows: readonly DistributionRow[];
}

/** A share less than twice what is expected matters to nobody, however sure it is. */
const SHARE_RATIO_MIN = 2;
/** Features that are named. */
const FARTHEST_MAX = 5;

/** Of all cases together at most a hundredth of what is called anomalous is not, on average. */
export function judgeAnomalies(cases: readonly AnomalyCase[]): readonly AnomalyVerdict[] {
  const looks = cases.map(look);
  const pValues = looks.map(({ pValue }) => pValue).filter((pValue) => pValue !== undefined);
  const isBelieved = believed(pValues, FALSE_ALARMS);
  let at = 0;
  return looks.map((one) => verdictOf(one, one.pValue !== undefined && isBelieved[at++] === true));
}

interface Look extends AnomalyCase {
  readonly detectorFigures: readonly AnomalyDetector[];
  readonly examples: number;
  readonly anomalous: number;
  /** Of both detectors; undefined where nothing can be said. */
  readonly pValue: number | undefined;
}

function look(one: AnomalyCase): Look {
  const { detectors, rows } = one;
  const sums = [ROBUST_Z, MAHALANOBIS].map((name) => ({ name, sum: sumOf(rows, name) }));
  const detectorFigures = sums
    .filter(({ sum }) => sum.count > 0)
    .map(({ name, sum }) => figuresOf(name, sum, detectors));
  const examples = Math.max(0, ...sums.map(({ sum }) => sum.count));
  const anomalous = Math.max(0, ...detectorFigures.map((figures) => figures.anomalous));
  const pValues = detectorFigures.flatMap(({ pValue }) => (pValue === undefined ? [] : [pValue]));
  const isEnough = examples >= ANOMALY_EXAMPLES_MIN && pValues.length > 0;
  // Bonferroni: two detectors look at the same examples.
  const pValue = isEnough ? Math.min(1, pValues.length * Math.min(...pValues)) : undefined;
  return { ...one, detectorFigures, examples, anomalous, pValue };
}

function figuresOf(name: string, sum: DistributionSum, detectors: Detectors | undefined): AnomalyDetector {
  const { anomalous = 0, count: examples } = sum;
  const { values } = sum;
  const threshold = (name === ROBUST_Z ? detectors?.robustZ : detectors?.mahalanobis)?.threshold;
  const [median, p99, highest] = [0.5, 0.99, 1].map((q) => values.quantile(q));
  return {
    name,
    ...(threshold === undefined ? {} : { threshold }),
    anomalous,
    ...(detectors === undefined
      ? {}
      : {
          pValue: exceedanceProbability(
            { samples: detectors.calibratedWith, falseAlarms: detectors.falseAlarms },
            { beyond: anomalous, examples },
          ),
        }),
    ...(median === undefined || p99 === undefined || highest === undefined ? {} : { median, p99, highest }),
  };
}

function verdictOf(one: Look, isBelieved: boolean): AnomalyVerdict {
  const { slot, version, device, devices, detectors, rows, detectorFigures, examples, anomalous, pValue } = one;
  const expected = detectors?.falseAlarms;
  const limit = SHARE_RATIO_MIN * (expected ?? 1);
  const isAnomalous = isBelieved && anomalous > limit * examples;
  const state: AnomalyState =
    pValue !== undefined
      ? isAnomalous
        ? "anomalous"
        : "usual"
      : examples === 0 && detectors === undefined
        ? "not-scored"
        : "inconclusive";
  const spans = spansOf(rows);
  const sinceMs = isAnomalous ? since(spans, limit) : undefined;
  const verdict = {
    ...{ slot, version },
    ...(device === undefined ? {} : { device }),
    devices,
    state,
    examples,
    anomalous,
    ...(expected === undefined ? {} : { expectedShare: expected }),
    detectors: [...detectorFigures],
    farthest: farthestOf(rows),
    spans: [...spans],
    fromMs: spans[0]?.fromMs ?? 0,
    toMs: spans.at(-1)?.toMs ?? 0,
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
  return { ...verdict, sentence: anomalySentence(verdict) };
}

/** Back from now, as long as each stretch with an anomaly is beyond the limit by itself. */
function since(spans: readonly AnomalySpan[], limit: number): number | undefined {
  let beganMs = spans.at(-1)?.fromMs;
  for (const { fromMs, examples, anomalous } of spans.toReversed()) {
    if (anomalous <= limit * examples) break;
    beganMs = fromMs;
  }
  return beganMs;
}

function farthestOf(rows: readonly DistributionRow[]): AnomalyVerdict["farthest"] {
  const { categories } = sumOf(rows, FARTHEST_FEATURE);
  return categories
    .entries()
    .slice(0, FARTHEST_MAX)
    .map(([feature, examples]) => ({ feature, examples }));
}

function sumOf(rows: readonly DistributionRow[], feature: string): DistributionSum {
  const sum = new DistributionSum();
  for (const { fields } of rows) if (fields.feature === feature) addReadable(sum, fields);
  return sum;
}

/** A record that cannot be read is left out: it came from one device. */
function addReadable(sum: DistributionSum, fields: DistributionRow["fields"]): void {
  try {
    sum.add(fields);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
  }
}
