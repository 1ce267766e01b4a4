import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { ProtocolError } from "./protocol-error.ts";

/** Turns outside data into a value of the schema's type, or throws a ProtocolError that names the first wrong place. */
export type Gate<S extends TSchema> = (value: unknown) => Static<S>;

/** Compiles the one check that outside data of this kind passes. `subject` names it in errors. */
export function gate<S extends TSchema>(subject: string, schema: S): Gate<S> {
  const compiled = Compile(schema);
  return (value) => {
    if (compiled.Check(value)) return value;
    const [first] = compiled.Errors(value);
    const place = first === undefined || first.instancePath === "" ? "the document" : first.instancePath;
    // A closed object's other fields have the schema `false`, which says nothing to a person.
    const detail = first?.keyword === "boolean" ? "is not a field that is known here" : first?.message;
    throw new ProtocolError("SCHEMA", subject, `${place} ${detail ?? "does not match the schema"}`);
  };
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
