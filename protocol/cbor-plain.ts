/**
 * Which CBOR is taken from others: numbers, texts, byte strings, true, false, null, undefined, arrays and maps, of at most
 * DEPTH_MAX levels. Tags are not: the codec turns them into big integers in quadratic time, regular expressions, values
 * that contain themselves, one value in a thousand places, and records that later messages would share.
 */

/** Nested values of a tensor in a request stand 3 levels below it, and a shape has at most 16. */
const DEPTH_MAX = 32;

/** What a level still waits for, where its length is not told but a break ends it (RFC 8949, 3.2.2). */
const ANY_ELEMENT = -1;
const ANY_KEY = -2;
const ITS_VALUE = -3;

/** Why these bytes are not one value of that kind, as the end of a sentence; undefined where they are. */
export function whyNotPlainCbor(bytes: Uint8Array): string | undefined {
  /** How many items each open level still waits for; the topmost one is the document, which is one item. */
  const levels = [1];
  let at = 0;
  while (levels.length > 0) {
    const head = bytes[at] ?? END;
    const major = head >> 5;
    const short = head & 0x1f;
    const width = WIDTHS[short] ?? 0;
    if (head === END || width > bytes.byteLength - at - 1) return CUT_SHORT;
    const fault = major < 6 && short < 28 ? undefined : headFault(bytes, at, major, short);
    if (fault !== undefined) return fault;
    const count = width === 0 ? short : major > 1 && major < 6 ? numberAt(bytes, at, width) : 0;
    at += 1 + width;
    if (head === BREAK) {
      const ended = levels.pop();
      if (ended !== ANY_ELEMENT && ended !== ANY_KEY) return "ends a list that has not begun";
    } else if (major === 2 || major === 3) {
      at += count;
      if (at > bytes.byteLength) return CUT_SHORT;
    } else if (major === 4 || major === 5) {
      if (levels.length > DEPTH_MAX) return `has more than ${DEPTH_MAX} levels`;
      const isArray = major === 4;
      const items = short === 31 ? (isArray ? ANY_ELEMENT : ANY_KEY) : isArray ? count : 2 * count;
      if (items > bytes.byteLength - at) return CUT_SHORT;
      if (items !== 0) {
        levels.push(items);
        continue;
      }
    }
    countOne(levels);
  }
  return at === bytes.byteLength ? undefined : "goes on after its end";
}

const CUT_SHORT = "is cut short";
/** No byte. */
const END = 0x1ff;
const BREAK = 0xff;

/** Bytes after the first one that hold its number, by its lower five bits. */
const WIDTHS: readonly number[] = Array.from({ length: 32 }, (_, short) =>
  short >= 24 && short < 28 ? 2 ** (short - 24) : 0,
);

function headFault(bytes: Uint8Array, at: number, major: number, short: number): string | undefined {
  if (short >= 28 && (short < 31 || (major !== 4 && major !== 5 && major !== 7))) return "has a length of no kind";
  if (major === 6) return "has a tag, which no message needs";
  if (major !== 7 || short === 31) return undefined;
  // False, true, null and undefined; half, single and double floats.
  if (short < 20 || short === 24) return "has a simple value, which no message needs";
  // The codec reads these as 0.
  if (short === 26 && ((bytes[at + 1] ?? 0) & 0x7f) === 0x7f && (bytes[at + 2] ?? 0) >= 0x80)
    return "has a number that is none";
  return undefined;
}

/** Beyond 2^53 it is not exact, and far beyond any length. */
function numberAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let next = at + 1; next <= at + width; next += 1) value = value * 256 + (bytes[next] ?? 0);
  return value;
}

/** An item is complete, and with it every level that waited for nothing else. */
function countOne(levels: number[]): void {
  for (let last = levels.length - 1; last >= 0; last -= 1) {
    const left = levels[last] ?? 0;
    if (left !== 1) {
      levels[last] =
        left === ANY_KEY ? ITS_VALUE : left === ITS_VALUE ? ANY_KEY : left === ANY_ELEMENT ? left : left - 1;
      return;
    }
    levels.pop();
  }
}
