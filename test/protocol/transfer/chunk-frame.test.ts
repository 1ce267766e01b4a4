import t from "tap";
import type { TransferId } from "../../../protocol/ids.ts";
import { CHUNK_BYTES, PUBLISH_BYTES_MAX } from "../../../protocol/limits.ts";
import { CHUNK_HEADER_BYTES, decodeChunkFrame, encodeChunkFrame } from "../../../protocol/transfer/chunk-frame.ts";

const header = {
  transfer: "0123456789abcdef" as TransferId,
  of: "archive",
  index: 69_905,
  sequence: 4_294_967_295,
  groupDelayMs: 250,
  sentAtMs: 12_345.5,
} as const;
const payload = Buffer.from("payload");

t.test("a frame survives the wire", async (t) => {
  for (const kind of ["archive", "list"] as const) {
    const frame = decodeChunkFrame(encodeChunkFrame({ ...header, of: kind }, payload));
    t.same(frame.header, { ...header, of: kind });
    t.same(Buffer.from(frame.payload), payload);
  }
});

t.test("the bytes are those of the description", async (t) => {
  const bytes = Buffer.from(encodeChunkFrame({ ...header, of: "list", index: 1, sequence: 2 }, payload));
  t.equal(
    bytes.toString("hex"),
    "010100fa" + "0123456789abcdef" + "00000001" + "00000002" + "40c81cc000000000" + "7061796c6f6164",
  );
});

t.test("a delay beyond the field's range is told as its most", async (t) => {
  const { header: told } = decodeChunkFrame(encodeChunkFrame({ ...header, groupDelayMs: 1e9 }, payload));
  t.equal(told.groupDelayMs, 65_535);
});

t.test("the largest frame is one publish, its header under 64 bytes", async (t) => {
  const { byteLength } = encodeChunkFrame(header, new Uint8Array(CHUNK_BYTES));
  t.ok(byteLength <= PUBLISH_BYTES_MAX);
  t.ok(byteLength - CHUNK_BYTES < 64);
});

const whole = Buffer.from(encodeChunkFrame(header, payload));
const changed = (change: (bytes: Buffer) => unknown) => {
  const bytes = Buffer.from(whole);
  change(bytes);
  return bytes;
};
const refused = [
  { what: "nothing", bytes: Buffer.alloc(0), code: "MALFORMED" },
  { what: "a header without payload", bytes: whole.subarray(0, CHUNK_HEADER_BYTES), code: "MALFORMED" },
  { what: "another version", bytes: changed((bytes) => bytes.writeUInt8(2, 0)), code: "MALFORMED" },
  {
    what: "an index beyond the largest archive",
    bytes: changed((bytes) => bytes.writeUInt32BE(69_906, 12)),
    code: "SCHEMA",
  },
  { what: "a time that is no number", bytes: changed((bytes) => bytes.writeDoubleBE(Number.NaN, 20)), code: "SCHEMA" },
  {
    what: "a payload longer than a chunk",
    bytes: Buffer.alloc(CHUNK_HEADER_BYTES + CHUNK_BYTES + 1, 1),
    code: "OVERSIZE",
  },
];
for (const { what, bytes, code } of refused) {
  t.test(`${what} is refused as ${code}`, async (t) => t.throws(() => decodeChunkFrame(bytes), { code }));
}
