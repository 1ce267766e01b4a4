/** What devices and the controller say to each other over MQTT. */
import { isDeepStrictEqual } from "node:util";
import { parseControllerState } from "../../../protocol/messages/controller-state.ts";
import { parseDeviceInfo } from "../../../protocol/messages/device-info.ts";
import { parseDeviceState } from "../../../protocol/messages/device-state.ts";
import { parseHello } from "../../../protocol/messages/hello.ts";
import { encodeTelemetryAck, parseTelemetryAck } from "../../../protocol/messages/telemetry-ack.ts";
import { decodeTelemetryBatch, encodeTelemetryBatch } from "../../../protocol/messages/telemetry-batch.ts";
import { decodeTransferOffer, encodeTransferOffer } from "../../../protocol/messages/transfer-offer.ts";
import { decodeTransferWant, encodeTransferWant } from "../../../protocol/messages/transfer-want.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { answerTopic, deviceTopics, groupTopics, parseTopic } from "../../../protocol/topics.ts";
import type { CallerId, DeviceId, FleetId, GroupId, ModelName, TransferId } from "../../../protocol/ids.ts";
import { ChunkBitmap } from "../../../protocol/transfer/chunk-bitmap.ts";
import { decodeChunkFrame, encodeChunkFrame } from "../../../protocol/transfer/chunk-frame.ts";
import { chunkCount, isListedChunk } from "../../../protocol/transfer/chunk-list.ts";
import { pieceAt, pieceLayout, pieceNumber } from "../../../protocol/transfer/pieces.ts";
import { BUNDLE_BYTES_MAX } from "../../../protocol/limits.ts";
import { BrokenClaim, type FuzzTarget } from "../fuzz-target.ts";
import { isProtocolError, wireFiles } from "../seed-files.ts";

export const MESSAGE_TARGETS: readonly FuzzTarget[] = [
  jsonMessage("hello", parseHello),
  jsonMessage("device-state", parseDeviceState),
  jsonMessage("device-info", parseDeviceInfo),
  jsonMessage("controller-state", parseControllerState),
  cborMessage("telemetry-ack", parseTelemetryAck, encodeTelemetryAck),
  cborMessage("telemetry-batch", decodeTelemetryBatch, encodeTelemetryBatch),
  cborMessage("transfer-offer", decodeTransferOffer, encodeTransferOffer),
  cborMessage("transfer-want", decodeTransferWant, encodeTransferWant),
  {
    name: "chunk-frame",
    grammar: "bytes",
    seeds: () => wireFiles(/^chunk-frame/),
    decode: (input) => {
      const { header, payload } = decodeChunkFrame(input);
      const again = decodeChunkFrame(encodeChunkFrame(header, payload));
      if (!isDeepStrictEqual(header, again.header)) throw new BrokenClaim("reads another header from what it wrote");
    },
    isRefusal: isProtocolError,
  },
  {
    name: "chunk-list",
    grammar: "bytes",
    seeds: () => [new Uint8Array(64), Buffer.concat([Buffer.from([0, 0, 2, 0]), Buffer.alloc(200, 0xa5)])],
    decode: checkTransferArithmetic,
    isRefusal: isProtocolError,
  },
  {
    name: "topic",
    grammar: "text",
    seeds: () => topics().map((topic) => Buffer.from(topic)),
    words: ["/", "mf1", "#", "+", "..", "up", "dn", "in", "x", "trust/root/", "\u0000"],
    decode: (input) => parseTopic(Buffer.from(input).toString()),
    isRefusal: isProtocolError,
  },
  {
    name: "sketch",
    grammar: "text",
    seeds: () => ["", "6f.3 1 a.zz", "1 1 1 1.4"].map((text) => Buffer.from(text)),
    words: [" ", ".", "zzz", "zzzzzzzzz"],
    decode: (input) => {
      const sketch = Sketch.fromText(Buffer.from(input).toString());
      sketch.quantile(0.5);
      if (Sketch.fromText(sketch.toText()).count !== sketch.count) throw new BrokenClaim("loses values on the way");
    },
    isRefusal: isProtocolError,
  },
];

function jsonMessage(name: string, decode: (bytes: Uint8Array) => unknown): FuzzTarget {
  return { name, grammar: "json", seeds: () => wireFiles(new RegExp(`^${name}`)), decode, isRefusal: isProtocolError };
}

/** What was read, and is written and read again, must be the same: nothing hides in one of the two forms. */
function cborMessage<T>(name: string, decode: (bytes: Uint8Array) => T, encode: (value: T) => Uint8Array): FuzzTarget {
  return {
    name,
    grammar: "cbor",
    seeds: () => wireFiles(new RegExp(`^${name}`)),
    decode: (input) => {
      const value = decode(input);
      const bytes = encode(value);
      // Written anew, a message may be longer than it was, and too long.
      if (bytes.byteLength <= input.byteLength && !isDeepStrictEqual(plain(decode(bytes)), plain(value))) {
        throw new BrokenClaim("reads another message from what it wrote");
      }
    },
    isRefusal: isProtocolError,
  };
}

/** Byte strings by their content: which kind of array holds them is no part of a message. Fractions lose digits. */
function plain(value: unknown): unknown {
  if (typeof value === "number" && !Number.isInteger(Math.fround(value))) return "a fraction";
  if (typeof value === "number") return Math.fround(value) + 0;
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** The first 4 bytes are an archive's length; the rest stands for a bitmap, and for a chunk list. */
function checkTransferArithmetic(input: Uint8Array): void {
  const bytes = Buffer.from(input);
  const archiveBytes = 1 + ((bytes.byteLength < 4 ? 0 : bytes.readUInt32BE(0)) % BUNDLE_BYTES_MAX);
  const layout = pieceLayout(archiveBytes);
  const rest = bytes.subarray(4);
  isListedChunk(rest, rest[0] ?? 0, rest);
  const last = pieceAt(layout, layout.pieces - 1);
  if (last.offsetBytes + last.lengthBytes !== archiveBytes)
    throw new BrokenClaim("the last piece is not the archive's end");
  if (pieceNumber(layout, "archive", chunkCount(archiveBytes)) !== undefined) throw new BrokenClaim("a piece too many");
  const bitmap = ChunkBitmap.fromBytes(rest, rest.byteLength * 8);
  const again = ChunkBitmap.fromBytes(bitmap.toBytes(), bitmap.size);
  if (again.count !== bitmap.count || again.firstLacking !== bitmap.firstLacking)
    throw new BrokenClaim("bits are lost");
}

function topics(): string[] {
  const [fleet, device, model] = ["harbour" as FleetId, "cam-1" as DeviceId, "digits" as ModelName];
  const { predict, ...of } = deviceTopics(fleet, device);
  const group = groupTopics(fleet, "all" as GroupId);
  return [
    ...Object.values(of),
    predict(model),
    group.command,
    group.chunk("8899aabbccddeeff" as TransferId),
    answerTopic(fleet, "app" as CallerId, device),
  ];
}
