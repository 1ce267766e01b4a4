import { Type, type Static } from "typebox";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { DeviceId, GroupId, TransferId } from "../ids.ts";
import { PUBLISH_BYTES_MAX } from "../limits.ts";
import { gate } from "../schema.ts";
import { PIECES_MAX } from "../transfer/pieces.ts";
import { ArchiveRef } from "../trust/deployment.ts";

/** Named in one offer: enough for a percentile that one device cannot move, few enough to fit a publish. */
export const SENTINELS_MAX = 32;

/**
 * Controller → group, QoS 1: this archive is broadcast under this transfer id. A device that fetches the archive
 * subscribes to the transfer's topic and answers with a want. Said again, with the same id, when `sentinels` or
 * `through` change; a new id for the same archive replaces the former broadcast. With lane `pull`: that broadcast is over.
 */
export const TransferOffer = Type.Object({
  transfer: TransferId,
  group: GroupId,
  archive: ArchiveRef,
  lane: Type.Union([Type.Literal("broadcast"), Type.Literal("pull")]),
  /** The devices that acknowledge every few frames, so that the others need not. */
  sentinels: Type.Array(DeviceId, { maxItems: SENTINELS_MAX }),
  /** Every piece below this number has been broadcast: what of them a device lacks has been lost to it. */
  through: Type.Integer({ minimum: 0, maximum: PIECES_MAX }),
});
export type TransferOffer = Static<typeof TransferOffer>;

export function encodeTransferOffer(offer: TransferOffer): Uint8Array {
  return encodeCbor(offer);
}

const check = gate("transfer offer", TransferOffer);

/** Throws OVERSIZE, MALFORMED or SCHEMA. */
export function decodeTransferOffer(bytes: Uint8Array): TransferOffer {
  return decodeCbor("transfer offer", bytes, PUBLISH_BYTES_MAX, check);
}
