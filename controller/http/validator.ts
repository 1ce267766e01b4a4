/** Checks what a request carries with the same schemas and the same texts as the rest of the program. */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Convert, Default } from "typebox/value";

/** Path and query are text: numbers and booleans are read from it. A body is taken as it is. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = Compile(schema);
  return (value: unknown) => {
    const read = httpPart === "body" ? value : Convert(schema, Default(schema, value));
    if (compiled.Check(read)) return { value: read };
    const [first] = compiled.Errors(read);
    const place = `${httpPart ?? "request"}${first?.instancePath.replaceAll("/", ".") ?? ""}`;
    return { error: new Error(`${place} ${first?.message ?? "does not match the schema"}`) };
  };
};
