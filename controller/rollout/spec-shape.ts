/** The schema's word on a specification, in sentences: what is out of range, unknown or missing. */
import { Compile } from "typebox/compile";
import { spanText } from "./human-values.ts";
import { RolloutSpec } from "./rollout-spec.ts";

/** Where: field names and places in lists, from the specification down. */
export type SpecPath = readonly (string | number)[];

export interface SpecMistake {
  readonly path: SpecPath;
  /** What is wrong, and what to write instead. */
  readonly text: string;
}

const schema = Compile(RolloutSpec);

/** At most one for each place: alternatives that were not meant have nothing to say. */
export function shapeMistakes(spec: unknown): readonly SpecMistake[] {
  if (schema.Check(spec)) return [];
  const errors = schema
    .Errors(spec)
    .filter(({ keyword, message }) => !NOISE.has(keyword) && message !== "must be null");
  const found = new Map<string, SpecMistake>();
  for (const error of errors) {
    if (found.has(error.instancePath)) continue;
    const path = pathOf(error.instancePath);
    found.set(error.instancePath, { path, text: sentence(error, path, valueAt(spec, path)) });
  }
  return found.size > 0 ? [...found.values()] : [{ path: [], text: "is no specification of a rollout" }];
}

/** What another error of the same place says better. */
const NOISE: ReadonlySet<string> = new Set(["anyOf", "additionalProperties"]);

interface SchemaError {
  readonly keyword: string;
  readonly message: string;
  readonly params: object;
}

function sentence({ keyword, message, params }: SchemaError, path: SpecPath, value: unknown): string {
  const name = String(path.at(-1) ?? "");
  const quantity = (number: unknown) => (name.includes("Ms") ? spanText(Number(number)) : String(number));
  const limit: unknown = Reflect.get(params, "limit");
  switch (keyword) {
    case "maximum":
      return `${quantity(value)} is too much: at most ${quantity(limit)}`;
    case "minimum":
      return `${quantity(value)} is too little: at least ${quantity(limit)}`;
    case "pattern":
      return `${JSON.stringify(value)} has characters that do not belong here: ${PATTERN_HINTS[name] ?? message}`;
    case "boolean":
      return "is not a field that is known here";
    default:
      return message;
  }
}

const PATTERN_HINTS: Readonly<Record<string, string>> = {
  name: "a name has letters, digits and hyphens, at most 63; a rollout's only lower-case ones",
};

function pathOf(pointer: string): SpecPath {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function valueAt(spec: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    spec,
  );
}
