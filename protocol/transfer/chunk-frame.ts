/**
 * One piece on the wire, binary because at 16 frames a megabyte the codec would be the cost. Big-endian:
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | flags: bit 0 = the payload is a fragment of the chunk list; the others are 0 and ignored |
 * | 2 | 2 | the group's queue delay in milliseconds, 65,535 for more |
 * | 4 | 8 | transfer id |
 * | 12 | 4 | index of the chunk, or of the fragment |
 * | 16 | 4 | number of the frame among those broadcast under this transfer id, from 1; 0 in a unicast frame |
 * | 20 | 8 | when it was sent: milliseconds of a clock that never jumps and whose zero means nothing (float64) |
 * | 28 | … | payload, 1 to CHUNK_BYTES bytes |
 */
import { Type, type Static } from "typebox";
import { TransferId } from "../ids.ts";
import { CHUNK_BYTES, CHUNKS_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { gate } from "../schema.ts";

export const CHUNK_HEADER_BYTES = 28;

const VERSION = 1;
const FLAG_LIST = 1;
const GROUP_DELAY_MS_MAX = 65_535;

/** Controller → device, QoS 0, on a broadcast topic or the device's own. */
export const ChunkHeader = Type.Object({
  transfer: TransferId,
  of: Type.Union([Type.Literal("list"), Type.Literal("archive")]),
  index: Type.Integer({ minimum: 0, maximum: CHUNKS_MAX - 1 }),
  sequence: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
  /** The median queue delay of the group, which a device compares with its own before it leaves the broadcast. */
  groupDelayMs: Type.Integer({ minimum: 0, maximum: GROUP_DELAY_MS_MAX }),
  sentAtMs: Type.Number(),
});
export type ChunkHeader = Static<typeof ChunkHeader>;

export interface ChunkFrame {
  readonly header: ChunkHeader;
  /** A view of the incoming buffer. */
  readonly payload: Uint8Array;
}

export function encodeChunkFrame(header: ChunkHeader, payload: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(CHUNK_HEADER_BYTES + payload.byteLength);
  frame.writeUInt8(VERSION, 0);
  frame.writeUInt8(header.of === "list" ? FLAG_LIST : 0, 1);
  frame.writeUInt16BE(Math.min(GROUP_DELAY_MS_MAX, Math.round(header.groupDelayMs)), 2);
  frame.write(header.transfer, 4, 8, "hex");
  frame.writeUInt32BE(header.index, 12);
  frame.writeUInt32BE(header.sequence, 16);
  frame.writeDoubleBE(header.sentAtMs, 20);
  frame.set(payload, CHUNK_HEADER_BYTES);
  return frame;
}

const check = gate("chunk frame", ChunkHeader);

/** Throws OVERSIZE, MALFORMED or SCHEMA. Whether the payload belongs to the archive is for the chunk list to say. */
export function decodeChunkFrame(bytes: Uint8Array): ChunkFrame {
  const payloadBytes = bytes.byteLength - CHUNK_HEADER_BYTES;
  if (payloadBytes > CHUNK_BYTES) {
    throw new ProtocolError("OVERSIZE", "chunk frame", `${payloadBytes} payload bytes, at most ${CHUNK_BYTES}`);
  }
  if (payloadBytes < 1) throw new ProtocolError("MALFORMED", "chunk frame", `${bytes.byteLength} bytes are too few`);
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = frame.readUInt8(0);
  if (version !== VERSION) throw new ProtocolError("MALFORMED", "chunk frame", `version ${version} is not known`);
  const header = check({
    transfer: frame.toString("hex", 4, 12),
    of: (frame.readUInt8(1) & FLAG_LIST) === 0 ? "archive" : "list",
    index: frame.readUInt32BE(12),
    sequence: frame.readUInt32BE(16),
    groupDelayMs: frame.readUInt16BE(2),
    sentAtMs: frame.readDoubleBE(20),
  });
  return { header, payload: bytes.subarray(CHUNK_HEADER_BYTES) };
}
