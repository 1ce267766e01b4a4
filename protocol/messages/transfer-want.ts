import { Type, type Static } from "typebox";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { Sha256, TransferId } from "../ids.ts";
import { gate } from "../schema.ts";
import { BITMAP_BYTES_MAX } from "../transfer/chunk-bitmap.ts";
import { PIECES_MAX } from "../transfer/pieces.ts";

/** Pieces asked for in one want: the gaps of one window of the broadcast; keeps a want without bitmap under 700 bytes. */
export const MISSING_MAX = 64;

/** The bitmap of the largest archive, the list of missing pieces, and room. */
const WANT_BYTES_MAX = BITMAP_BYTES_MAX + 2_048;

const Piece = Type.Integer({ minimum: 0, maximum: PIECES_MAX - 1 });
const Count = Type.Integer({ minimum: 0, maximum: PIECES_MAX });
const Bitmap = Type.Refine(
  Type.Unsafe<Uint8Array>({}),
  (value) => value instanceof Uint8Array && value.byteLength <= BITMAP_BYTES_MAX,
  () => `must be at most ${BITMAP_BYTES_MAX} bytes`,
);

/** What a want says in either lane. A piece that is counted here as held is on the device's disk. */
const common = {
  archive: Sha256,
  /** The device's own id for this fetch: unicast frames come back under it. */
  request: TransferId,
  /** The lowest piece that the device does not hold; the number of pieces when it holds all, which ends the fetch. */
  cumulative: Count,
  /** How many pieces it does not hold. */
  lacking: Count,
  /** What is to be sent: lost in the broadcast, or next in the pull lane. Each naming asks for one more sending. */
  missing: Type.Array(Piece, { maxItems: MISSING_MAX }),
  /** What the device holds, as ChunkBitmap.toBytes; in the first want of a fetch, of a connection, of a broadcast. */
  held: Type.Optional(Bitmap),
};

/**
 * Device → controller, QoS 0: request, acknowledgement and resumption in one. Each is complete in itself, so that a lost
 * one, or a controller that has restarted, costs only time.
 */
export const TransferWant = Type.Union([
  Type.Object({
    ...common,
    lane: Type.Literal("pull"),
    /** Whether the device would follow a broadcast; not after it lagged behind one. */
    joins: Type.Boolean(),
  }),
  Type.Object({
    ...common,
    lane: Type.Literal("broadcast"),
    /** Which broadcast it listens to. */
    transfer: TransferId,
    /** The highest `sequence` of a broadcast frame that it has dealt with. */
    sequence: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
    /** The longest that a frame waited on its way since the last want, beyond the shortest wait seen. */
    queueDelayMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  }),
]);
export type TransferWant = Static<typeof TransferWant>;

export function encodeTransferWant(want: TransferWant): Uint8Array {
  return encodeCbor(want);
}

const check = gate("transfer want", TransferWant);

/** Throws OVERSIZE, MALFORMED or SCHEMA. `held` is a view of the incoming buffer. */
export function decodeTransferWant(bytes: Uint8Array): TransferWant {
  return decodeCbor("transfer want", bytes, WANT_BYTES_MAX, check);
}
