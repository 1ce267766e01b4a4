/**
 * Reads what a person wrote, field by field, and collects everything that is wrong rather than the first of it. A reader
 * gives null for what it has refused; whoever called must not use the result when anything was refused.
 */
import { nearestWord } from "../nearest-word.ts";
import type { SpecPath } from "./spec-shape.ts";

export interface Place {
  readonly path: SpecPath;
  readonly child: (key: string | number) => Place;
  /** What is wrong here, and what to write instead. `onKey`: it is the field's name that is wrong. */
  readonly refuse: (text: string, onKey?: "onKey") => null;
}

export interface Refusal {
  readonly path: SpecPath;
  readonly text: string;
  readonly onKey: boolean;
}

export type Reader<T> = (value: unknown, place: Place) => T | null;

export function placeIn(refusals: Refusal[], path: SpecPath = []): Place {
  return {
    path,
    child: (key) => placeIn(refusals, [...path, key]),
    refuse: (text, onKey) => {
      refusals.push({ path, text, onKey: onKey !== undefined });
      return null;
    },
  };
}

type Fields<R> = { readonly [Name in keyof R]?: R[Name] extends Reader<infer T> ? T | undefined : never };

/** A map with these fields and no others; those in `required` must be there. */
export function mapOf<R extends Readonly<Record<string, Reader<unknown>>>>(
  readers: R,
  required: readonly (keyof R & string)[] = [],
): Reader<Fields<R>> {
  return (value, place) => {
    if (!isMap(value))
      return place.refuse(`${shown(value)} is not a list of fields: ${Object.keys(readers).join(", ")}`);
    const read: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(value)) {
      const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
      if (reader === undefined) place.child(name).refuse(unknownField(name, Object.keys(readers)), "onKey");
      else if (field !== null) read[name] = reader(field, place.child(name)) ?? undefined;
    }
    for (const name of required.filter((one) => value[one] === undefined || value[one] === null)) {
      place.refuse(`${name} is missing`);
    }
    // Each of its fields has come from the reader of that name.
    return read as Fields<R>;
  };
}

export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) return place.refuse(`${shown(value)} is not a list`);
    return value.map((item, at) => reader(item, place.child(at))).filter((item) => item !== null);
  };
}

export const anyText: Reader<string> = (value, place) =>
  typeof value === "string" ? value : place.refuse(`${shown(value)} is not text; put it into quotation marks`);

export const yesOrNo: Reader<boolean> = (value, place) =>
  typeof value === "boolean" ? value : place.refuse(`${shown(value)} is neither true nor false`);

export const anyNumber: Reader<number> = (value, place) =>
  typeof value === "number" && Number.isFinite(value) ? value : place.refuse(`${shown(value)} is not a number`);

export const wholeNumber: Reader<number> = (value, place) =>
  typeof value === "number" && Number.isSafeInteger(value)
    ? value
    : place.refuse(`${shown(value)} is not a whole number`);

export function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  return (value, place) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const meant = typeof value === "string" ? nearestWord(value, words) : undefined;
    return place.refuse(`${shown(value)} is none of ${words.join(", ")}${meaning(meant)}`);
  };
}

/** A value as a person finds it again in the text. */
export function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length <= SHOWN_CHARS_MAX ? text : `${text.slice(0, SHOWN_CHARS_MAX - 1)}…`;
}

/** Enough to recognise it; the line is named besides. */
const SHOWN_CHARS_MAX = 60;

function unknownField(name: string, known: readonly string[]): string {
  const meant = nearestWord(name, known);
  return `there is no field "${name}"${meaning(meant)}${meant === undefined ? `; there are ${known.join(", ")}` : ""}`;
}

function meaning(word: string | undefined): string {
  return word === undefined ? "" : `; did you mean ${word}?`;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
