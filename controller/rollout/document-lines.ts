/** Where in a YAML text a field stands, for messages. */
import type { Document, LineCounter } from "yaml";
import type { Refusal } from "./document-reader.ts";
import type { SpecPath } from "./spec-shape.ts";

/** `line 7, spec.stages[1].soak: …`; where a name is wrong, the sentence has it. */
export function refusalText({ path, text, onKey }: Refusal, document: Document.Parsed, lines: LineCounter): string {
  const { line } = lines.linePos(offsetOf(document, path, onKey));
  const field = path.reduce<string>(
    (before, part) => (typeof part === "number" ? `${before}[${part}]` : before === "" ? part : `${before}.${part}`),
    "",
  );
  return `line ${line}${field === "" || onKey ? "" : `, ${field}`}: ${text}`;
}

/** Of the value, of the field's name, or of what is around it where the field is missing. */
function offsetOf(document: Document.Parsed, path: SpecPath, onKey: boolean): number {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const parent: unknown = depth === 0 ? undefined : document.getIn(path.slice(0, depth - 1), true);
    const key = onKey && depth === path.length ? keyNode(parent, path.at(-1)) : undefined;
    const range = rangeOf(key ?? (depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)));
    if (range !== undefined) return range;
  }
  return document.range[0];
}

function keyNode(parent: unknown, name: string | number | undefined): unknown {
  const items = childOf(parent, "items");
  const pairs: readonly unknown[] = Array.isArray(items) ? items : [];
  return pairs.map((pair) => childOf(pair, "key")).find((key) => childOf(key, "value") === name);
}

function rangeOf(node: unknown): number | undefined {
  const range = childOf(node, "range");
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  return typeof start === "number" ? start : undefined;
}

export function childOf(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
