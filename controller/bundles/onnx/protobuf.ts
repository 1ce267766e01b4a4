/**
 * Protocol Buffers' wire format, as far as rewriting a file needs it: a message is a list of fields, and what is not looked
 * into is written out as the bytes that came. So nothing is lost that this program does not know.
 * https://protobuf.dev/programming-guides/encoding/
 */

/** Where a message's bytes cannot be read. Whoever opened the file knows its name, and says it. */
export class ProtobufMalformed extends Error {
  override readonly name = "ProtobufMalformed";
}

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
type WireType = (typeof WIRE)[keyof typeof WIRE];

/** One field as it stands in a message. All bytes are views of the message's own. */
export interface WireField {
  readonly id: number;
  readonly wire: WireType;
  /** What the field carries: of a varint its digits, of text or a message its content without the length. */
  readonly content: Uint8Array;
  /** The field whole, tag and length included: written again, it is the same. */
  readonly whole: Uint8Array;
}

/** Bytes that are written one after the other; large ones are never copied together. */
export type Pieces = readonly Uint8Array[];

/** The fields of a message, in their order. Throws ProtobufMalformed. */
export function fieldsOf(message: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  for (let at = 0; at < message.byteLength;) {
    const tag = readVarint(message, at);
    const id = Math.floor(tag.value / 8);
    const { wire, start, end } = extentOf(message, tag.value % 8, tag.end);
    if (end > message.byteLength) throw new ProtobufMalformed(`field ${id} is cut off`);
    fields.push({ id, wire, content: message.subarray(start, end), whole: message.subarray(at, end) });
    at = end;
  }
  return fields;
}

function extentOf(message: Uint8Array, wire: number, start: number): { wire: WireType; start: number; end: number } {
  switch (wire) {
    case WIRE.varint:
      return { wire, start, end: readVarint(message, start).end };
    case WIRE.fixed64:
      return { wire, start, end: start + 8 };
    case WIRE.bytes: {
      const length = readVarint(message, start);
      return { wire, start: length.end, end: length.end + length.value };
    }
    case WIRE.fixed32:
      return { wire, start, end: start + 4 };
    default:
      // 3 and 4 are groups, which no format of this decade has; 6 and 7 were never given out.
      throw new ProtobufMalformed(`a field has the wire type ${wire}`);
  }
}

/** Seven bits a byte: 64 of them fill ten. */
const VARINT_BYTES_MAX = 10;

/** A number that is no negative one: tags, lengths. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  for (let at = start; at < start + VARINT_BYTES_MAX; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw new ProtobufMalformed("a number is cut off, or longer than 64 bits");
}

/** An int64 field; a dimension or an enumeration is far below 2^53. */
export function intOf({ content }: WireField): number {
  return Number(signed(content, 0).value);
}

/** A repeated int64 may stand packed in one field or alone in each, whatever the schema says. */
export function intsOf(fields: readonly WireField[], id: number): number[] {
  return fields
    .filter((field) => field.id === id)
    .flatMap((field) => {
      if (field.wire !== WIRE.bytes) return [intOf(field)];
      const numbers: number[] = [];
      for (let at = 0; at < field.content.byteLength;) {
        const { value, end } = signed(field.content, at);
        numbers.push(Number(value));
        at = end;
      }
      return numbers;
    });
}

function signed(bytes: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n;
  for (let at = start; at < start + VARINT_BYTES_MAX; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: BigInt.asIntN(64, value), end: at + 1 };
  }
  throw new ProtobufMalformed("a number is cut off, or longer than 64 bits");
}

/** A float field. */
export function floatOf({ content }: WireField): number {
  return Buffer.from(content).readFloatLE();
}

/** The last field of that id, as protobuf wants it where a field that should stand once stands twice. */
export function lastOf(fields: readonly WireField[], id: number): WireField | undefined {
  return fields.findLast((field) => field.id === id);
}

export function textOf(field: WireField | undefined): string {
  return field === undefined ? "" : Buffer.from(field.content).toString();
}

export function textsOf(fields: readonly WireField[], id: number): string[] {
  return fields.filter((field) => field.id === id).map(textOf);
}

/** A field that holds a message, text or bytes. */
export function bytesField(id: number, content: string | Uint8Array | Pieces): Pieces {
  const pieces =
    typeof content === "string" ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return [varint(id * 8 + WIRE.bytes), varint(length), ...pieces];
}

/** A field that holds a number that is not negative. */
export function intField(id: number, value: number): Pieces {
  return [varint(id * 8 + WIRE.varint), varint(value)];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...bytes, rest]);
}
