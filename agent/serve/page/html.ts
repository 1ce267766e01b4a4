/** HTML whose values cannot become markup: only what is written in the source is. */

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A text, HTML, or several of them in a row; undefined shows nothing. */
export type Shown = string | number | Html | undefined | readonly Shown[];

/** html`<b>${text}</b>`: every value is escaped, for text and for attributes in double quotes, unless it is HTML itself. */
export function html(parts: TemplateStringsArray, ...values: readonly Shown[]): Html {
  return new Html(parts.map((part, at) => part + textOf(values[at])).join(""));
}

function textOf(value: Shown): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(textOf).join("");
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
