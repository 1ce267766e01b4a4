import t from "tap";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { chunkCount, chunkDigest, chunkListDigest, isListedChunk } from "../../../protocol/transfer/chunk-list.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";

const counts = [
  { archiveBytes: 1, chunks: 1 },
  { archiveBytes: CHUNK_BYTES, chunks: 1 },
  { archiveBytes: CHUNK_BYTES + 1, chunks: 2 },
];
for (const { archiveBytes, chunks } of counts) {
  t.test(`${archiveBytes} bytes are ${chunks} chunks`, async (t) => t.equal(chunkCount(archiveBytes), chunks));
}

const [first, second] = [Buffer.from("first chunk"), Buffer.from("second chunk")];
const list = Buffer.concat([chunkDigest(first), chunkDigest(second)]);

t.test("a list is known by the digest of its bytes", async (t) => t.equal(chunkListDigest(list), sha256(list)));

const claims = [
  { index: 0, bytes: first, isListed: true, why: "the chunk of that number" },
  { index: 1, bytes: first, isListed: false, why: "the chunk of another number" },
  { index: 0, bytes: Buffer.from("first chunk!"), isListed: false, why: "a longer chunk" },
  { index: 2, bytes: first, isListed: false, why: "a number beyond the list" },
];
for (const { index, bytes, isListed, why } of claims) {
  t.test(`${why} is ${isListed ? "" : "not "}in the list`, async (t) =>
    t.equal(isListedChunk(list, index, bytes), isListed),
  );
}
