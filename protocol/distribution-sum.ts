import { CategoryCounts } from "./category-counts.ts";
import type { RecordFields } from "./messages/telemetry-batch.ts";
import {
  checkDistributionFields,
  type DistributionFields,
  type FeatureRole,
  type FeatureType,
} from "./messages/telemetry-distribution.ts";
import { commonFrame, ValueSketch } from "./value-sketch.ts";

/** Which feature of which model version. */
export interface FeatureId {
  readonly slot: string;
  readonly version: string;
  readonly feature: string;
  readonly role: FeatureRole;
  readonly type: FeatureType;
}

/** One line for each FeatureId: what a `distribution` record is about. */
export function featureSubject({ slot, version, feature, role, type }: FeatureId): string {
  return `${slot}@${version} ${role} ${type} ${feature}`;
}

/** How the values of one feature are distributed, as far as they are known one by one. */
export interface ToldDistribution {
  readonly values: ValueSketch;
  readonly categories: CategoryCounts;
  /** Examples, those without a value included. */
  readonly count: number;
  readonly missing: number;
}

/** What `distribution` records of one feature add up to; the order does not matter, and sums of sums are the sum of all. */
export class DistributionSum {
  /** Records, each counted as those that it was made of. */
  records = 0;
  windowMs = 0;
  seen = 0;
  count = 0;
  missing = 0;
  /** Examples of which only the count is known. */
  untold = 0;
  anomalous: number | undefined;
  #values: ValueSketch | undefined;
  #costMicros = 0;
  #costed = 0;
  readonly categories = new CategoryCounts();

  /** Empty where the feature is a category, or nothing was added. */
  get values(): ValueSketch {
    return this.#values ?? new ValueSketch();
  }

  /** The examples whose values are known: `count` and `missing` are of these alone. */
  told(): ToldDistribution {
    const { values, categories } = this;
    const count = this.count - this.untold;
    return { values, categories, count, missing: Math.max(0, count - values.count - categories.count) };
  }

  /** Throws ProtocolError for fields that are no distribution, and has added nothing then. */
  add(fields: RecordFields): void {
    const record = checkDistributionFields(fields);
    const values = record.valueSketch === undefined ? undefined : ValueSketch.fromText(record.valueSketch);
    const categories = record.categories === undefined ? undefined : CategoryCounts.fromText(record.categories);
    if (values !== undefined && values.count > 0) this.#addValues(values);
    if (categories !== undefined) this.categories.merge(categories);
    this.records += record.records ?? 1;
    this.windowMs += record.windowMs;
    this.seen += record.seen;
    this.count += record.count;
    this.missing += record.missing;
    this.untold += Math.min(record.count, record.untold ?? 0);
    if (record.anomalous !== undefined) this.anomalous = (this.anomalous ?? 0) + record.anomalous;
    if (record.costMicros === undefined) return;
    this.#costMicros += record.costMicros * record.count;
    this.#costed += record.count;
  }

  /** A `distribution` record of this feature. */
  toFields({ slot, version, feature, role, type }: FeatureId): DistributionFields {
    const { records, windowMs, seen, count, missing, untold, anomalous } = this;
    return {
      ...{ slot, version, feature, role, type },
      ...(records > 1 ? { records } : {}),
      ...{ windowMs, seen, count, missing },
      ...(untold === 0 ? {} : { untold }),
      ...(type === "number" ? { valueSketch: this.values.toText() } : { categories: this.categories.toText() }),
      ...(anomalous === undefined ? {} : { anomalous }),
      ...(this.#costed === 0 ? {} : { costMicros: Math.round((10 * this.#costMicros) / this.#costed) / 10 }),
    };
  }

  #addValues(values: ValueSketch): void {
    if (this.#values === undefined) {
      this.#values = values;
      return;
    }
    const frame = commonFrame(this.#values.frame, values.frame);
    if (frame !== this.#values.frame) this.#values = this.#values.inFrame(frame);
    this.#values.merge(values);
  }
}
