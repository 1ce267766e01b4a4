import { Type, type Static } from "typebox";
import { StreamId } from "../ids.ts";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { gate } from "../schema.ts";

/**
 * Controller → device, QoS 0: what the database holds of one stream. Live batches are acknowledged at most once a
 * second, backfill as soon as it is stored, so that acknowledgements never slow it. A lost one is made good by the next.
 */
export const TelemetryAck = Type.Object({
  stream: StreamId,
  /** The first sequence number that is not stored; the device may forget everything before it. */
  next: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  /**
   * There where the device goes on with a stream of which another copy of it was heard: nothing of the batch was stored.
   * The `from` of the batch's life: records from there on belong in another stream, the ones before it are here.
   */
  reusedFrom: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});
export type TelemetryAck = Static<typeof TelemetryAck>;

const check = gate("telemetry acknowledgement", TelemetryAck);

export function parseTelemetryAck(bytes: Uint8Array): TelemetryAck {
  return decodeCbor("telemetry acknowledgement", bytes, 1_024, check);
}

export function encodeTelemetryAck(ack: TelemetryAck): Uint8Array {
  return encodeCbor(ack);
}
