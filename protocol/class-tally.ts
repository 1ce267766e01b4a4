import { Type, type Static } from "typebox";
import { CELL_CHARS_MAX } from "./messages/telemetry-batch.ts";
import { ProtocolError } from "./protocol-error.ts";
import { gate } from "./schema.ts";

/** Of one class: predicted rightly, predicted although it was another, another predicted although it was this. */
export interface ClassCounts {
  readonly hits: number;
  readonly falseAlarms: number;
  readonly misses: number;
}

export interface LabelledCounts extends ClassCounts {
  readonly label: string;
}

/** How often one class was taken for another. */
export interface Confusion {
  readonly actual: string;
  readonly predicted: string;
  readonly count: number;
}

/** Classes told one by one in one message; the rest together. Their text stays below a cell's bound. */
export const TALLY_CLASSES_MAX = 64;
/** Pairs told in one message, the most frequent ones. */
export const TALLY_PAIRS_MAX = 32;
/** Of a label, as it is told. */
export const TALLY_LABEL_CHARS_MAX = 48;

interface Counts {
  hits: number;
  falseAlarms: number;
  misses: number;
}

/**
 * Predictions by their class and the true one, from feedback. Tallies of devices and intervals add up to the tally of all. Its
 * texts are the fields `feedbackClasses` and `feedbackPairs` of an `inference` record; labels are in them, not indices, so that
 * the fleet's figures need no bundle.
 */
export class ClassTally {
  readonly #classes = new Map<string, Counts>();
  readonly #pairs = new Map<string, Confusion>();
  readonly #classesMax: number;
  readonly #rest: Counts = { hits: 0, falseAlarms: 0, misses: 0 };

  /** `classesMax`: of a whole fleet more may be kept than one message holds. */
  constructor(classesMax = TALLY_CLASSES_MAX) {
    this.#classesMax = classesMax;
  }

  note(predicted: string, actual: string): void {
    if (predicted === actual) {
      this.#of(labelText(actual)).hits += 1;
      return;
    }
    const pair = { actual: labelText(actual), predicted: labelText(predicted), count: 1 };
    this.#of(pair.predicted).falseAlarms += 1;
    this.#of(pair.actual).misses += 1;
    this.#addPair(pair);
  }

  merge(other: ClassTally): void {
    for (const [label, counts] of other.#classes) addTo(this.#of(label), counts);
    addTo(this.#rest, other.#rest);
    for (const pair of other.#pairs.values()) this.#addPair(pair);
  }

  /** In the order in which they were met. */
  classes(): readonly LabelledCounts[] {
    return [...this.#classes].map(([label, counts]) => ({ label, ...counts }));
  }

  /** Of all classes that are not told one by one. */
  get rest(): ClassCounts {
    return this.#rest;
  }

  /** The most frequent first. */
  pairs(): readonly Confusion[] {
    return [...this.#pairs.values()].sort((one, other) => other.count - one.count);
  }

  get isEmpty(): boolean {
    return this.#classes.size === 0 && isNothing(this.#rest);
  }

  /** `[[label, hits, false alarms, misses], …]`, at most TALLY_CLASSES_MAX; the rest last, with the label null. */
  classesText(): string {
    const byWeight = this.classes().toSorted((one, other) => weightOf(other) - weightOf(one));
    const rest = { ...this.#rest };
    for (const counts of byWeight.slice(TALLY_CLASSES_MAX)) addTo(rest, counts);
    const told = byWeight.slice(0, TALLY_CLASSES_MAX);
    const textOf = () =>
      JSON.stringify([
        ...told.map(({ label, ...counts }) => row(label, counts)),
        ...(isNothing(rest) ? [] : [row(null, rest)]),
      ]);
    // Labels of quotes alone, or counts of years.
    for (;;) {
      const text = textOf();
      const least = text.length <= CELL_CHARS_MAX ? undefined : told.pop();
      if (least === undefined) return text;
      addTo(rest, least);
    }
  }

  /** `[[true label, predicted label, count], …]`, the most frequent TALLY_PAIRS_MAX. */
  pairsText(): string {
    const told = this.pairs().slice(0, TALLY_PAIRS_MAX);
    for (;;) {
      const text = JSON.stringify(told.map(({ actual, predicted, count }) => [actual, predicted, count]));
      if (text.length <= CELL_CHARS_MAX || told.pop() === undefined) return text;
    }
  }

  /** Adds what an `inference` record says. Throws MALFORMED or SCHEMA, and has added nothing then. */
  addTexts(classesText: string | undefined, pairsText: string | undefined): void {
    const classes = classesText === undefined ? [] : readClasses(jsonIn(classesText));
    const pairs = pairsText === undefined ? [] : readPairs(jsonIn(pairsText));
    for (const [label, hits, falseAlarms, misses] of classes) {
      addTo(label === null ? this.#rest : this.#of(label), { hits, falseAlarms, misses });
    }
    for (const [actual, predicted, count] of pairs) this.#addPair({ actual, predicted, count });
  }

  #of(label: string): Counts {
    const known = this.#classes.get(label);
    if (known !== undefined) return known;
    if (this.#classes.size >= this.#classesMax) return this.#rest;
    const counts = { hits: 0, falseAlarms: 0, misses: 0 };
    this.#classes.set(label, counts);
    return counts;
  }

  #addPair({ actual, predicted, count }: Confusion): void {
    const key = JSON.stringify([actual, predicted]);
    const known = this.#pairs.get(key)?.count ?? 0;
    this.#pairs.set(key, { actual, predicted, count: known + count });
    // The rarest give way: twice what is told is enough for those that come back to rise again.
    if (this.#pairs.size <= 2 * this.#classesMax) return;
    const rarest = this.pairs().slice(this.#classesMax);
    for (const pair of rarest) this.#pairs.delete(JSON.stringify([pair.actual, pair.predicted]));
  }
}

function addTo(counts: Counts, more: ClassCounts): void {
  counts.hits += more.hits;
  counts.falseAlarms += more.falseAlarms;
  counts.misses += more.misses;
}

function weightOf({ hits, falseAlarms, misses }: ClassCounts): number {
  return hits + falseAlarms + misses;
}

function isNothing(counts: ClassCounts): boolean {
  return weightOf(counts) === 0;
}

/** Control characters would take six places each in JSON. */
function labelText(label: string): string {
  return label.slice(0, TALLY_LABEL_CHARS_MAX).replaceAll(/\p{Cc}|\p{Cs}/gu, "·");
}

function row(label: string | null, { hits, falseAlarms, misses }: ClassCounts): Static<typeof ClassRow> {
  return [label, hits, falseAlarms, misses];
}

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Label = Type.String({ maxLength: TALLY_LABEL_CHARS_MAX });
const ClassRow = Type.Tuple([Type.Union([Label, Type.Null()]), Count, Count, Count]);
const readClasses = gate("class tally", Type.Array(ClassRow, { maxItems: TALLY_CLASSES_MAX + 1 }));
const readPairs = gate("class tally", Type.Array(Type.Tuple([Label, Label, Count]), { maxItems: TALLY_PAIRS_MAX }));

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("MALFORMED", "class tally", `${JSON.stringify(text.slice(0, 100))} is no JSON`, { cause });
  }
}
