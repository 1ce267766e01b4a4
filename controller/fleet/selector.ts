/**
 * Label selectors as in Kubernetes: `site in (oslo, bergen), tier=gold, !frozen`. A comma means *and*. `@cameras` stands for
 * the group of that name, which is a saved selector; `!@cameras` for the devices outside it.
 */
import { FerryError, EXIT } from "../../common/ferry-error.ts";
import type { Labels } from "../../protocol/ids.ts";
import { isGroupName } from "./group-name.ts";

export type Requirement =
  | { readonly kind: "in"; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: "notIn"; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: "exists"; readonly key: string }
  | { readonly kind: "absent"; readonly key: string }
  | { readonly kind: "inGroup"; readonly group: string; readonly selector: Selector }
  | { readonly kind: "outsideGroup"; readonly group: string; readonly selector: Selector };

/** All of them must hold; none: every device matches. */
export type Selector = readonly Requirement[];

/** As in Kubernetes, `!=` and `notin` also hold for a device that does not have the label. */
export function selects(selector: Selector, labels: Labels): boolean {
  return selector.every((requirement) => {
    if (requirement.kind === "inGroup") return selects(requirement.selector, labels);
    if (requirement.kind === "outsideGroup") return !selects(requirement.selector, labels);
    const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    switch (requirement.kind) {
      case "in":
        return value !== undefined && requirement.values.includes(value);
      case "notIn":
        return value === undefined || !requirement.values.includes(value);
      case "exists":
        return value !== undefined;
      case "absent":
        return value === undefined;
    }
  });
}

/** The selector of a group; throws where there is none of that name. */
export type GroupLookup = (group: string) => Selector;

/** A selector is typed by a person and stands in a URL. */
const SELECTOR_CHARS_MAX = 2_000;

/** Throws `bad-selector` with the position of what was not expected. */
export function parseSelector(text: string, groupSelector: GroupLookup = noGroup): Selector {
  if (text.length > SELECTOR_CHARS_MAX) {
    throw badSelector(text, SELECTOR_CHARS_MAX, `more than ${SELECTOR_CHARS_MAX} characters`);
  }
  const tokens = new Tokens(text);
  const requirements: Requirement[] = [];
  if (tokens.peek().kind === "end") return requirements;
  for (;;) {
    requirements.push(parseRequirement(tokens, groupSelector));
    const next = tokens.take();
    if (next.kind === "end") return requirements;
    if (next.text !== ",") throw tokens.unexpected(next, "`,` or the end");
  }
}

function noGroup(group: string): never {
  throw new FerryError("not-found", `There is no group "${group}"`, {
    hint: "See the groups with `ferry group list`.",
    exitCode: EXIT.notFound,
  });
}

function parseRequirement(tokens: Tokens, groupSelector: GroupLookup): Requirement {
  if (tokens.peek().text === "!") {
    tokens.take();
    const group = tokens.takeGroup();
    if (group !== undefined) return { kind: "outsideGroup", group, selector: groupSelector(group) };
    return { kind: "absent", key: tokens.takeWord("a label key") };
  }
  const group = tokens.takeGroup();
  if (group !== undefined) return { kind: "inGroup", group, selector: groupSelector(group) };
  const key = tokens.takeWord("a label key or `!`");
  const operator = tokens.peek();
  if (operator.kind === "end" || operator.text === ",") return { kind: "exists", key };
  tokens.take();
  switch (operator.text) {
    case "=":
    case "==":
      return { kind: "in", key, values: [tokens.takeWord("a label value")] };
    case "!=":
      return { kind: "notIn", key, values: [tokens.takeWord("a label value")] };
    case "in":
      return { kind: "in", key, values: parseValues(tokens) };
    case "notin":
      return { kind: "notIn", key, values: parseValues(tokens) };
    default:
      throw tokens.unexpected(operator, "`=`, `!=`, `in`, `notin` or `,`");
  }
}

function parseValues(tokens: Tokens): string[] {
  const open = tokens.take();
  if (open.text !== "(") throw tokens.unexpected(open, "`(`");
  const values = [tokens.takeWord("a label value")];
  for (;;) {
    const next = tokens.take();
    if (next.text === ")") return values;
    if (next.text !== ",") throw tokens.unexpected(next, "`,` or `)`");
    values.push(tokens.takeWord("a label value"));
  }
}

interface Token {
  readonly kind: "word" | "sign" | "end";
  readonly text: string;
  /** Characters before it. */
  readonly at: number;
}

/** What stands between spaces: a sign, a label's text, or anything else (which no rule takes). */
const TOKEN = /\s*(?:(==|!=|=|!|,|\(|\))|([^\s=!,()]+))/y;
const GROUP = /^@(.*)$/;
const LABEL_TEXT = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

class Tokens {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#text.length };
  }

  take(): Token {
    const token = this.peek();
    this.#next += 1;
    return token;
  }

  /** Undefined, and nothing taken, where no group is named. */
  takeGroup(): string | undefined {
    const { text, at } = this.peek();
    const [, name] = GROUP.exec(text) ?? [];
    if (name === undefined) return undefined;
    this.take();
    if (isGroupName(name)) return name;
    throw badSelector(
      this.#text,
      at,
      `${JSON.stringify(text)} names no group: @ and lower-case letters, digits and hyphens, at most 63 characters`,
    );
  }

  takeWord(expected: string): string {
    const token = this.take();
    if (token.kind !== "word") throw this.unexpected(token, expected);
    if (!LABEL_TEXT.test(token.text)) {
      throw badSelector(
        this.#text,
        token.at,
        `${JSON.stringify(token.text)} is no label text: letters, digits, \`.\`, \`_\`, \`-\`, at most 63 characters`,
      );
    }
    return token.text;
  }

  unexpected(token: Token, expected: string): FerryError {
    const found = token.kind === "end" ? "the end" : `\`${token.text}\``;
    return badSelector(this.#text, token.at, `expected ${expected}, found ${found}`);
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, sign, word] = match;
    const found = sign ?? word ?? "";
    tokens.push({ kind: sign === undefined ? "word" : "sign", text: found, at: TOKEN.lastIndex - found.length });
  }
  return tokens;
}

function badSelector(text: string, at: number, problem: string): FerryError {
  return new FerryError("bad-selector", `Selector ${JSON.stringify(text)}, character ${at + 1}: ${problem}`, {
    hint: "Examples: `site=oslo`, `site in (oslo, bergen), !frozen`, `tier!=test`.",
    exitCode: EXIT.usage,
  });
}
