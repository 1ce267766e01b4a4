import t from "tap";
import { ChunkBitmap, BITMAP_BYTES_MAX } from "../../../protocol/transfer/chunk-bitmap.ts";
import { PIECES_MAX } from "../../../protocol/transfer/pieces.ts";

t.test("counts each piece once, and knows the first that lacks", async (t) => {
  const bitmap = new ChunkBitmap(10).with([0, 1, 3, 3]);
  t.match(
    { count: bitmap.count, firstLacking: bitmap.firstLacking, has: bitmap.has(3), lacks: bitmap.has(2) },
    {
      count: 3,
      firstLacking: 2,
      has: true,
      lacks: false,
    },
  );
  bitmap.add(2);
  t.equal(bitmap.firstLacking, 4);
  bitmap.add(10);
  t.equal(bitmap.count, 4, "a piece beyond the end is none");
});

t.test("survives its bytes: piece n is bit n % 8 of byte n / 8", async (t) => {
  const bitmap = new ChunkBitmap(18).with([0, 9, 17]);
  t.same([...bitmap.toBytes()], [0b1, 0b10, 0b10]);
  t.same(ChunkBitmap.fromBytes(bitmap.toBytes(), 18).toBytes(), bitmap.toBytes());
});

t.test("is complete when every piece is held", async (t) => {
  t.equal(ChunkBitmap.fromBytes(Uint8Array.of(0xff), 7).isComplete, true, "bits beyond the end do not count");
  t.equal(new ChunkBitmap(7).with([0, 1, 2, 3, 4, 5]).isComplete, false);
});

t.test("bytes of another length are refused", async (t) => {
  t.throws(() => ChunkBitmap.fromBytes(new Uint8Array(1), 9), { code: "SCHEMA" });
  t.throws(() => ChunkBitmap.fromBytes(new Uint8Array(3), 9), { code: "SCHEMA" });
});

t.test("more pieces than the largest archive has are refused", async (t) => {
  t.equal(new ChunkBitmap(PIECES_MAX).toBytes().byteLength, BITMAP_BYTES_MAX);
  t.throws(() => new ChunkBitmap(PIECES_MAX + 1), { code: "OVERSIZE" });
});

t.test("any mix of an older and a newer version of the bytes names only what the newer one holds", async (t) => {
  const older = new ChunkBitmap(64).with([1, 9, 33]);
  const newer = older.with([2, 10, 40, 63]);
  for (let cut = 0; cut <= 8; cut += 1) {
    const torn = Buffer.concat([newer.toBytes().subarray(0, cut), older.toBytes().subarray(cut)]);
    const mixed = ChunkBitmap.fromBytes(torn, 64);
    t.same(mixed.and(newer).toBytes(), mixed.toBytes(), `cut at ${cut}`);
  }
});
