/**
 * Protocol Buffers' text format, in which Triton's `config.pbtxt` is written, into plain values. Written for that file: a
 * field that is known by number only, or as an extension, is kept under its bracketed name.
 * https://protobuf.dev/reference/protobuf/textformat-spec/
 */

/** Every field as the list of its values, in their order: whether it may stand once or often, the reader's schema says. */
// eslint-disable-next-line @typescript-eslint/consistent-indexed-object-style -- an alias could not name itself
export interface PbtxtMessage {
  readonly [field: string]: readonly PbtxtValue[];
}

/** A name of an enumeration is text. */
export type PbtxtValue = number | boolean | string | PbtxtMessage;

export class PbtxtMalformed extends Error {
  override readonly name = "PbtxtMalformed";
}

/** Triton's own configuration nests 6 messages. */
const DEPTH_MAX = 32;

/** Throws PbtxtMalformed with the line and what was expected there. */
export function parsePbtxt(text: string): PbtxtMessage {
  const tokens = new Tokens(text);
  return messageUntil(tokens, undefined, 0);
}

const CLOSING = new Map([
  ["{", "}"],
  ["<", ">"],
]);

function messageUntil(tokens: Tokens, closing: string | undefined, depth: number): PbtxtMessage {
  if (depth > DEPTH_MAX) throw tokens.malformed(`messages are nested more than ${DEPTH_MAX} deep`);
  const fields = new Map<string, PbtxtValue[]>();
  while (tokens.peek() !== closing) {
    const name = fieldName(tokens);
    tokens.skip(":");
    const values = tokens.peek() === "[" ? list(tokens, depth) : [valueOf(tokens, depth)];
    const former = fields.get(name);
    if (former === undefined) fields.set(name, values);
    else for (const value of values) former.push(value);
    if (!tokens.skip(",")) tokens.skip(";");
  }
  tokens.next();
  return Object.fromEntries(fields);
}

function fieldName(tokens: Tokens): string {
  const token = tokens.next();
  if (token !== undefined && /^[A-Za-z_0-9]/.test(token)) return token;
  if (token !== "[") throw tokens.malformed(`a field's name was expected, not ${shown(token)}`);
  let name = "";
  for (let part = tokens.next(); part !== "]"; part = tokens.next()) {
    if (part === undefined) throw tokens.malformed("the name of an extension is not closed");
    name += part;
  }
  return `[${name}]`;
}

function list(tokens: Tokens, depth: number): PbtxtValue[] {
  tokens.next();
  const values: PbtxtValue[] = [];
  while (!tokens.skip("]")) {
    values.push(valueOf(tokens, depth));
    if (tokens.skip(",") || tokens.peek() === "]") continue;
    const token = tokens.next();
    throw tokens.malformed(`"," or "]" was expected in the list, not ${shown(token)}`);
  }
  return values;
}

function valueOf(tokens: Tokens, depth: number): PbtxtValue {
  const token = tokens.next();
  if (token === undefined) throw tokens.malformed("the file ends where a value was expected");
  const closing = CLOSING.get(token);
  if (closing !== undefined) return messageUntil(tokens, closing, depth + 1);
  if (token.startsWith('"') || token.startsWith("'")) return joinedText(tokens, token);
  if (token === "-") return -numberOf(tokens, tokens.next());
  if (token === "true" || token === "True") return true;
  if (token === "false" || token === "False") return false;
  if (/^[A-Za-z_]/.test(token)) return token;
  return numberOf(tokens, token);
}

function numberOf(tokens: Tokens, token: string | undefined): number {
  if (token !== undefined) {
    if (/^(inf|infinity)f?$/i.test(token)) return Infinity;
    if (/^0[xX][0-9A-Fa-f]+$/.test(token)) return Number(token);
    if (/^0[0-7]+$/.test(token)) return parseInt(token, 8);
    const number = /^([0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)[fF]?$/.exec(token)?.[1];
    if (number !== undefined && /[0-9]/.test(number)) return Number(number);
  }
  throw tokens.malformed(`a value was expected, not ${shown(token)}`);
}

/** Strings that stand side by side are one. */
function joinedText(tokens: Tokens, first: string): string {
  const parts: Uint8Array[] = [unescape(tokens, first)];
  for (let token = tokens.peek(); token !== undefined && /^["']/.test(token); token = tokens.peek()) {
    tokens.next();
    parts.push(unescape(tokens, token));
  }
  return Buffer.concat(parts).toString();
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** C's escapes stand for bytes, not characters. */
function unescape(tokens: Tokens, token: string): Buffer {
  const pieces = token
    .slice(1, -1)
    .match(/\\[0-7]{1,3}|\\[xX][0-9A-Fa-f]{1,2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\[^]|[^\\]+/g);
  return Buffer.concat(
    (pieces ?? []).map((piece) => {
      if (!piece.startsWith("\\")) return Buffer.from(piece);
      const kind = piece.charAt(1);
      if (/[0-7]/.test(kind)) return Buffer.of(parseInt(piece.slice(1), 8));
      if (/x/i.test(kind) && piece.length > 2) return Buffer.of(parseInt(piece.slice(2), 16));
      if (/u/i.test(kind) && piece.length > 2) return Buffer.from(characterOf(tokens, parseInt(piece.slice(2), 16)));
      const byte = ESCAPES[kind];
      if (byte !== undefined) return Buffer.of(byte);
      if (/[\\'"?]/.test(kind)) return Buffer.from(kind);
      throw tokens.malformed(`${piece} is no escape`);
    }),
  );
}

function characterOf(tokens: Tokens, code: number): string {
  if (code > 0x10ffff) throw tokens.malformed(`${code.toString(16)} is no character`);
  return String.fromCodePoint(code);
}

function shown(token: string | undefined): string {
  return token === undefined ? "the end of the file" : JSON.stringify(token.slice(0, 40));
}

/** One after the other: a string with its quotation marks, a word or number, or a sign. */
class Tokens {
  readonly #text: string;
  readonly #pattern =
    /(?:\s+|#[^\n]*)*("(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|[A-Za-z0-9_.]+(?:(?<=[0-9.][eE])[+-][0-9]+[fF]?)?|[^\s#])?/y;
  #ahead: string | undefined;
  #lineAhead = 1;
  /** Of the token that was taken last. */
  #line = 1;

  constructor(text: string) {
    this.#text = text;
    this.#ahead = this.#read();
  }

  /** The next token without taking it; undefined at the end. */
  peek(): string | undefined {
    return this.#ahead;
  }

  next(): string | undefined {
    const token = this.#ahead;
    this.#line = this.#lineAhead;
    this.#ahead = this.#read();
    return token;
  }

  /** Takes the token where it is this one. */
  skip(token: string): boolean {
    if (this.#ahead !== token) return false;
    this.next();
    return true;
  }

  malformed(problem: string): PbtxtMalformed {
    return new PbtxtMalformed(`line ${this.#line}: ${problem}`);
  }

  #read(): string | undefined {
    const from = this.#pattern.lastIndex;
    const token = this.#pattern.exec(this.#text)?.[1];
    const to = token === undefined ? this.#text.length : this.#pattern.lastIndex;
    for (let at = from; at < to; at += 1) if (this.#text.charCodeAt(at) === NEWLINE) this.#lineAhead += 1;
    if (token === '"' || token === "'") {
      throw new PbtxtMalformed(`line ${this.#lineAhead}: a string is not closed on its line`);
    }
    return token;
  }
}

const NEWLINE = 10;
