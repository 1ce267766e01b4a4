/** Which devices differ from the other devices of their hardware class. Pure. */
import { DistributionSum } from "../../protocol/distribution-sum.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import type { ClassVerdict } from "./class-shape.ts";
import { sumOf, type FeatureHistory } from "./feature-history.ts";
import { FALSE_ALARMS, judgeFeature, numberText } from "./judge-feature.ts";
import { believed } from "./multiple-tests.ts";

/** One feature of one version, as each device of one hardware class measured it. */
export interface ClassCase {
  readonly hardware: string;
  readonly devices: ReadonlyMap<DeviceId, FeatureHistory>;
}

/** Of two nobody can say which one is unlike the other. */
const DEVICES_MIN = 3;
/** A device differs where it is this much farther from the rest than the middle one of its class: cameras see different scenes. */
const BEYOND_PEERS = 3;
/** Features that are named. */
const FEATURES_MAX = 5;

interface Look {
  readonly hardware: string;
  readonly device: DeviceId;
  readonly history: FeatureHistory;
  readonly psi: number;
  readonly pValue: number;
  readonly isFar: boolean;
}

/**
 * One verdict for each device and version that was compared, those that differ first. Of all that are said to differ at most a
 * hundredth does not, on average over all devices and features.
 */
export function judgeClasses(cases: readonly ClassCase[]): readonly ClassVerdict[] {
  const looks = cases.flatMap(look);
  const isBelieved = believed(
    looks.map(({ pValue }) => pValue),
    FALSE_ALARMS,
  );
  const judged = looks.map((one, at) => ({ ...one, isUnlike: one.isFar && isBelieved[at] === true }));
  const devices = Map.groupBy(judged, ({ device, history: { id } }) => JSON.stringify([device, id.slot, id.version]));
  return [...devices.values()]
    .flatMap((found) => {
      const [first] = found;
      if (first === undefined) return [];
      const unlike = found.filter(({ isUnlike }) => isUnlike).sort((a, b) => b.psi - a.psi);
      const { slot, version } = first.history.id;
      const verdict = {
        ...{ hardware: first.hardware, device: first.device, slot, version, compared: found.length },
        differs: unlike.length > 0,
        unlike: unlike.length,
        features: unlike.slice(0, FEATURES_MAX).map(({ history, psi }) => ({ feature: history.id.feature, psi })),
      };
      return [{ ...verdict, sentence: sentenceOf(verdict) }];
    })
    .sort((a, b) => (b.features[0]?.psi ?? 0) - (a.features[0]?.psi ?? 0));
}

function look({ hardware, devices }: ClassCase): readonly Look[] {
  if (devices.size < DEVICES_MIN) return [];
  const rests = restsOf([...devices.values()]);
  const looks = [...devices].flatMap(([device, history], at) => {
    const own = sumOf(history.id, history.buckets).told();
    const judgement = judgeFeature(history.id.type, (rests[at] ?? new DistributionSum()).told(), own);
    if (judgement.kind === "too-few") return [];
    const { psi, pValue } = judgement.statistics;
    return [{ hardware, device, history, psi, pValue, isAbove: psi > judgement.threshold }];
  });
  const middle = looks.map(({ psi }) => psi).sort((a, b) => a - b)[Math.floor((looks.length - 1) / 2)] ?? 0;
  return looks.map((one) => ({ ...one, isFar: one.isAbove && one.psi > BEYOND_PEERS * middle }));
}

/** For each what the others add up to: those before it and those after it, so that the work grows with their number alone. */
function restsOf(histories: readonly FeatureHistory[]): readonly DistributionSum[] {
  const running = (ordered: readonly FeatureHistory[]) => {
    let sum = new DistributionSum();
    return ordered.map(({ id, buckets }) => {
      const before = sum;
      sum = new DistributionSum();
      sum.add(before.toFields(id));
      for (const bucket of buckets) sum.add(bucket.sum.toFields(id));
      return before;
    });
  };
  const before = running(histories);
  const after = running(histories.toReversed()).toReversed();
  return histories.map(({ id }, at) => {
    const rest = new DistributionSum();
    for (const part of [before[at], after[at]]) if (part !== undefined) rest.add(part.toFields(id));
    return rest;
  });
}

function sentenceOf({
  hardware,
  device,
  slot,
  version,
  differs,
  unlike,
  compared,
  features,
}: Omit<ClassVerdict, "sentence">) {
  const of = `${slot}@${version} on ${device}`;
  if (!differs) return `${of} is as on the other ${hardware} (${compared} features).`;
  const named = features.map(({ feature, psi }) => `${feature} (psi ${numberText(psi)})`).join(", ");
  return (
    `${of} differs from the other ${hardware} in ${unlike} of ${compared} features: ${named}. ` +
    `Look at this device's sensor and where it stands, not at the model: ferry drift show ${slot}@${version} '${features[0]?.feature ?? ""}' --device ${device}.`
  );
}
