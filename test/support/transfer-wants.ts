import type { TransferState } from "../../controller/transfer/transfer-state.ts";
import type { DeviceId, Sha256, TransferId } from "../../protocol/ids.ts";
import type { TransferWant } from "../../protocol/messages/transfer-want.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";

/** Of an archive of ten chunks: one fragment of the list, then the chunks. */
export const TEN_CHUNKS_BYTES = 10 * CHUNK_BYTES;
export const TEN_CHUNKS_PIECES = 11;

const common = {
  archive: "a".repeat(64) as Sha256,
  request: "00000000000000aa" as TransferId,
  cumulative: 0,
  lacking: TEN_CHUNKS_PIECES,
};

export function device(name: string): DeviceId {
  return name as DeviceId;
}

export function pullWant(missing: number[], rest: { joins?: boolean; lacking?: number } = {}): TransferWant {
  return { ...common, lane: "pull", joins: true, missing, ...rest };
}

export function broadcastWant(
  transfer: TransferId,
  rest: { sequence?: number; missing?: number[]; queueDelayMs?: number; held?: Uint8Array; lacking?: number } = {},
): TransferWant {
  return { ...common, lane: "broadcast", transfer, sequence: 0, queueDelayMs: 0, missing: [], ...rest };
}

/** More than a broadcast begins with: all of the ten chunks may be sent in one step. */
export function widen({ broadcast }: TransferState): void {
  if (broadcast !== undefined) broadcast.pace = { ...broadcast.pace, window: TEN_CHUNKS_PIECES };
}
