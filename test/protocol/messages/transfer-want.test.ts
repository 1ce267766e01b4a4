import t from "tap";
import { encodeCbor } from "../../../protocol/cbor.ts";
import type { Sha256, TransferId } from "../../../protocol/ids.ts";
import { decodeTransferWant, encodeTransferWant, MISSING_MAX } from "../../../protocol/messages/transfer-want.ts";
import { BITMAP_BYTES_MAX } from "../../../protocol/transfer/chunk-bitmap.ts";
import { PIECES_MAX } from "../../../protocol/transfer/pieces.ts";

const common = {
  archive: "a".repeat(64) as Sha256,
  request: "00000000000000aa" as TransferId,
  cumulative: 3,
  lacking: 7,
  missing: [3, 5],
};
const pull = { ...common, lane: "pull", joins: true } as const;
const broadcast = {
  ...common,
  lane: "broadcast",
  transfer: "00000000000000bb" as TransferId,
  sequence: 12,
  queueDelayMs: 40,
} as const;

t.test("wants of both lanes survive the wire", async (t) => {
  t.same(decodeTransferWant(encodeTransferWant(pull)), pull);
  t.same(decodeTransferWant(encodeTransferWant(broadcast)), broadcast);
  const withBitmap = decodeTransferWant(encodeTransferWant({ ...pull, held: Uint8Array.of(1, 2) }));
  t.same([...(withBitmap.held ?? [])], [1, 2]);
});

t.test("the largest want fits one publish and is read", async (t) => {
  const held = new Uint8Array(BITMAP_BYTES_MAX).fill(255);
  const missing = Array.from({ length: MISSING_MAX }, (_, at) => PIECES_MAX - 1 - at);
  const bytes = encodeTransferWant({ ...broadcast, missing, held });
  t.ok(bytes.byteLength < 12_000);
  t.equal(decodeTransferWant(bytes).missing.length, MISSING_MAX);
});

t.test("fields of a newer version are ignored", async (t) => {
  t.match(decodeTransferWant(encodeCbor({ ...pull, colour: "blue" })), pull);
});

const refused = [
  { what: "a lane that there is not", value: { ...pull, lane: "express" }, code: "SCHEMA" },
  { what: "a broadcast want that names no broadcast", value: { ...broadcast, transfer: undefined }, code: "SCHEMA" },
  { what: "a piece beyond the largest archive", value: { ...pull, missing: [PIECES_MAX] }, code: "SCHEMA" },
  { what: "a negative piece", value: { ...pull, missing: [-1] }, code: "SCHEMA" },
  {
    what: "too many pieces",
    value: { ...pull, missing: Array.from({ length: MISSING_MAX + 1 }, () => 1) },
    code: "SCHEMA",
  },
  { what: "a bitmap that is text", value: { ...pull, held: "all" }, code: "SCHEMA" },
  { what: "a bitmap that is too long", value: { ...pull, held: new Uint8Array(BITMAP_BYTES_MAX + 1) }, code: "SCHEMA" },
  { what: "a want of 20 kB", value: { ...pull, held: new Uint8Array(20_000) }, code: "OVERSIZE" },
];
for (const { what, value, code } of refused) {
  t.test(`${what} is refused as ${code}`, async (t) => t.throws(() => decodeTransferWant(encodeCbor(value)), { code }));
}

t.test("bytes that are no CBOR are refused", async (t) => {
  t.throws(() => decodeTransferWant(Uint8Array.of(0xff, 0xff)), { code: "MALFORMED" });
});
