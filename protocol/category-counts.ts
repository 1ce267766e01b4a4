import { Type } from "typebox";
import { ProtocolError } from "./protocol-error.ts";
import { gate } from "./schema.ts";

/** Categories told one by one in one text; the rest together. Their text stays below a cell's bound. */
export const CATEGORIES_MAX = 64;
/** Of a category's name, as it is told. */
export const CATEGORY_CHARS_MAX = 48;

/** Of a whole fleet more are kept apart than one message tells. */
const KEPT_MAX = 1_024;

/** Counts by category, with one bucket for all others; counts of devices and hours add up to those of all. */
export class CategoryCounts {
  readonly #counts = new Map<string, number>();
  /** Of categories that are not told one by one, or that the reference does not have. */
  other = 0;
  #told = 0;

  get count(): number {
    return this.#told + this.other;
  }

  add(category: string, count = 1): void {
    const name = nameOf(category);
    if (!this.#counts.has(name) && this.#counts.size >= KEPT_MAX) {
      this.other += count;
      return;
    }
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    this.#told += count;
  }

  merge(from: CategoryCounts): void {
    for (const [name, count] of from.#counts) this.add(name, count);
    this.other += from.other;
  }

  of(category: string): number {
    return this.#counts.get(nameOf(category)) ?? 0;
  }

  /** The most frequent first; of equally frequent ones by name. */
  entries(): readonly (readonly [category: string, count: number])[] {
    return [...this.#counts].sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1));
  }

  /** `[[category, count], …, [null, count of all others]]`, the most frequent CATEGORIES_MAX of them. */
  toText(): string {
    const entries = this.entries();
    const told = entries.slice(0, CATEGORIES_MAX);
    const rest = entries.slice(CATEGORIES_MAX).reduce((sum, [, count]) => sum + count, this.other);
    return JSON.stringify(rest === 0 ? told : [...told, [null, rest]]);
  }

  /** Throws MALFORMED or SCHEMA. */
  static fromText(text: string): CategoryCounts {
    const counts = new CategoryCounts();
    for (const [category, count] of check(jsonIn(text))) {
      if (category === null) counts.other += count;
      else counts.add(category, count);
    }
    return counts;
  }
}

/** Control characters would take six places each in JSON. */
function nameOf(category: string): string {
  return category.slice(0, CATEGORY_CHARS_MAX).replaceAll(/\p{Cc}|\p{Cs}/gu, "·");
}

const Name = Type.Union([Type.String({ maxLength: CATEGORY_CHARS_MAX }), Type.Null()]);
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const check = gate("category counts", Type.Array(Type.Tuple([Name, Count]), { maxItems: CATEGORIES_MAX + 1 }));

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("MALFORMED", "category counts", `${JSON.stringify(text.slice(0, 100))} is no JSON`, {
      cause,
    });
  }
}
