/** How records of each kind are added up, wherever they are: on a device that lacks room, and at the controller by age. */
import { DistributionSum, featureSubject } from "./distribution-sum.ts";
import { InferenceSum } from "./inference-sum.ts";
import { MeasurementSum } from "./measurement-sum.ts";
import type { RecordFields, RecordKind } from "./messages/telemetry-batch.ts";
import { checkDistributionFields, type DistributionFields } from "./messages/telemetry-distribution.ts";
import { checkInferenceFields } from "./messages/telemetry-inference.ts";
import { unreachable } from "./unreachable.ts";

export interface RecordSum {
  /** Throws ProtocolError for fields that are none of this kind, and has added nothing then. */
  readonly add: (fields: RecordFields) => void;
  /** A record of the same kind with what was added. */
  readonly toFields: () => RecordFields;
}

/** What adds up to one: records of other subjects are other sums. */
export interface Summable {
  /** What of the device the record is about: `digits@1.0.0`. Empty: the device itself. */
  readonly subject: string;
  /** An empty sum of such records. */
  readonly begin: () => RecordSum;
}

/** Undefined for kinds that tell of single happenings: they do not add up. Throws ProtocolError, like `add`. */
export function summable(kind: RecordKind, fields: RecordFields): Summable | undefined {
  switch (kind) {
    case "health":
      return { subject: "", begin: () => new MeasurementSum() };
    case "inference": {
      const { slot, version } = checkInferenceFields(fields);
      return { subject: `${slot}@${version ?? ""}`, begin: () => inferenceSum(slot, version) };
    }
    case "distribution": {
      const feature = checkDistributionFields(fields);
      return { subject: featureSubject(feature), begin: () => distributionSum(feature) };
    }
    case "event":
    case "gap":
      return undefined;
    default:
      return unreachable(kind);
  }
}

function inferenceSum(slot: string, version: string | undefined): RecordSum {
  const sum = new InferenceSum();
  return {
    add: (fields) => {
      sum.add(fields);
    },
    toFields: () => sum.toFields(slot, version),
  };
}

function distributionSum(feature: DistributionFields): RecordSum {
  const sum = new DistributionSum();
  return {
    add: (fields) => {
      sum.add(fields);
    },
    toFields: () => sum.toFields(feature),
  };
}
