import t from "tap";
import { BUNDLE_BYTES_MAX, CHUNK_BYTES, CHUNKS_MAX } from "../../../protocol/limits.ts";
import { pieceAt, pieceLayout, pieceNumber, PIECES_MAX } from "../../../protocol/transfer/pieces.ts";

t.test("a small archive is one fragment of the list and one chunk", async (t) => {
  const layout = pieceLayout(100);
  t.match(layout, { listPieces: 1, chunks: 1, pieces: 2, listBytes: 32 });
  t.same(pieceAt(layout, 0), { of: "list", index: 0, offsetBytes: 0, lengthBytes: 32 });
  t.same(pieceAt(layout, 1), { of: "archive", index: 0, offsetBytes: 0, lengthBytes: 100 });
});

t.test("a list longer than a chunk is cut like the archive", async (t) => {
  const layout = pieceLayout(1_921 * CHUNK_BYTES);
  t.match(layout, { listPieces: 2, chunks: 1_921 });
  t.same(pieceAt(layout, 1), { of: "list", index: 1, offsetBytes: CHUNK_BYTES, lengthBytes: 32 });
  t.same(pieceAt(layout, 2).index, 0);
});

t.test("the largest archive has PIECES_MAX pieces", async (t) => {
  t.match(pieceLayout(BUNDLE_BYTES_MAX), { chunks: CHUNKS_MAX, pieces: PIECES_MAX });
});

t.test("a frame's number and a piece's number lead to each other", async (t) => {
  const layout = pieceLayout(1_921 * CHUNK_BYTES + 5);
  for (let piece = 0; piece < layout.pieces; piece += 1) {
    const { of, index } = pieceAt(layout, piece);
    if (pieceNumber(layout, of, index) !== piece) t.fail(`piece ${piece}`);
  }
  t.equal(pieceNumber(layout, "list", layout.listPieces), undefined, "no such fragment");
  t.equal(pieceNumber(layout, "archive", layout.chunks), undefined, "no such chunk");
});
