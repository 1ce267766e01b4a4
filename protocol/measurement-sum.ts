import type { RecordFields } from "./messages/telemetry-batch.ts";

/** Fields of one sum: an agent measures some thirty. More come from a device that makes names up, and are left out. */
const FIELDS_MAX = 128;
/** So that a name with its suffix is still a name of a field. */
const NAME_CHARS_MAX = 56;

interface Measured {
  readonly count: number;
  readonly total: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Adds up records of measurements (`health`): of each number its mean under its own name, with `.min`, `.max`, and
 * `.records` where not every record had it; a boolean counts as 0 or 1, so its mean is the share of time that it was true.
 * Texts are left out. The order does not matter, sums of sums are the sum of all, and `toFields` is such a record again.
 */
export class MeasurementSum {
  /** Records, each counted as those that it was made of. */
  records = 0;
  readonly #measured = new Map<string, Measured>();

  add(fields: RecordFields): void {
    const records = countOf(fields["records"]) ?? 1;
    for (const [name, value] of Object.entries(fields)) {
      const mean = numberOf(value);
      if (mean === undefined || isOfSum(name)) continue;
      const count = countOf(fields[`${name}.records`]) ?? records;
      const min = numberOf(fields[`${name}.min`]) ?? mean;
      const max = numberOf(fields[`${name}.max`]) ?? mean;
      this.#addMeasured(name, { count, total: mean * count, min, max });
    }
    this.records += records;
  }

  toFields(): RecordFields {
    const fields = [...this.#measured].flatMap(([name, { count, total, min, max }]) => [
      [name, total / count] as const,
      [`${name}.min`, min] as const,
      [`${name}.max`, max] as const,
      ...(count === this.records ? [] : [[`${name}.records`, count] as const]),
    ]);
    return { records: this.records, ...Object.fromEntries(fields) };
  }

  #addMeasured(name: string, { count, total, min, max }: Measured): void {
    const there = this.#measured.get(name);
    if (there === undefined) {
      const isRoom = this.#measured.size < FIELDS_MAX && name.length <= NAME_CHARS_MAX;
      if (isRoom) this.#measured.set(name, { count, total, min, max });
      return;
    }
    this.#measured.set(name, {
      count: there.count + count,
      total: there.total + total,
      min: Math.min(there.min, min),
      max: Math.max(there.max, max),
    });
  }
}

/** What a sum writes beside its means. */
function isOfSum(name: string): boolean {
  return name === "records" || /\.(min|max|records)$/.test(name);
}

function numberOf(value: RecordFields[string] | undefined): number | undefined {
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function countOf(value: RecordFields[string] | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 ? value : undefined;
}
