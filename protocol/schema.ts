import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { ProtocolError } from "./protocol-error.ts";

/** Turns outside data into a value of the schema's type, or throws a ProtocolError that names the first wrong place. */
export type Gate<S extends TSchema> = (value: unknown) => Static<S>;

/**
 * To say what is wrong takes about 3 µs for each part of a document, twenty times what the check takes: whoever sends
 * wrong documents must not cost a hundred times what right ones cost. A telemetry batch may have 46,000 parts.
 */
const EXPLAINED_PARTS_MAX = 4_000;

/**
 * Compiles the one check that outside data of this kind passes. `subject` names it in errors. `explainedPartsMax`: for
 * documents that a person writes, and that nobody sends at will.
 */
export function gate<S extends TSchema>(
  subject: string,
  schema: S,
  { explainedPartsMax = EXPLAINED_PARTS_MAX }: { readonly explainedPartsMax?: number } = {},
): Gate<S> {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return value;
    if (hasMoreParts(value, explainedPartsMax)) {
      throw new ProtocolError(
        "SCHEMA",
        subject,
        "the document does not match the schema, and is too large to say where",
      );
    }
    const [first] = compiled.Errors(value);
    const place = first === undefined || first.instancePath === "" ? "the document" : first.instancePath;
    // A closed object's other fields have the schema `false`, which says nothing to a person.
    const detail = first?.keyword === "boolean" ? "is not a field that is known here" : first?.message;
    throw new ProtocolError("SCHEMA", subject, `${place} ${detail ?? "does not match the schema"}`);
  };
}

/** Values, those within others included. */
function hasMoreParts(value: unknown, partsMax: number): boolean {
  const open: unknown[] = [value];
  let parts = 0;
  for (let next = open.pop(); parts <= partsMax; next = open.pop()) {
    parts += 1;
    if (typeof next === "object" && next !== null && !ArrayBuffer.isView(next)) {
      const inner: readonly unknown[] = Object.values(next);
      if (inner.length > partsMax) return true;
      open.push(...inner);
    }
    if (open.length === 0) return false;
  }
  return true;
}

/** A JSON document of at most `bytesMax`, checked. Throws OVERSIZE, MALFORMED or SCHEMA. */
export function parseJson<T>(subject: string, bytes: Uint8Array, bytesMax: number, check: (value: unknown) => T): T {
  if (bytes.byteLength > bytesMax) {
    throw new ProtocolError("OVERSIZE", subject, `${bytes.byteLength} bytes, at most ${bytesMax} are allowed`);
  }
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new ProtocolError("MALFORMED", subject, "is not JSON", { cause });
  }
  return check(value);
}

/** Throws on bytes that are not UTF-8: two programs must not read two different texts from them. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** For documents that are signed: an unknown field is refused, because it might change the meaning of the others. */
export function closedObject<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}
