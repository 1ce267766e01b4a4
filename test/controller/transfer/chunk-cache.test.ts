import t from "tap";
import { CACHED_CHUNKS_MAX, ChunkCache } from "../../../controller/transfer/chunk-cache.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { archiveInMemory } from "../../support/archive-in-memory.ts";

t.test("reads a chunk once for all who want it at the same time", async (t) => {
  const archive = archiveInMemory(3 * CHUNK_BYTES);
  const cache = new ChunkCache(archive.source());
  const [first, second] = await Promise.all([cache.read(1), cache.read(1)]);
  t.equal(first, second);
  t.equal(archive.reads.get(1), 1);
});

t.test("keeps a bounded number, and forgets the one used longest ago", async (t) => {
  const archive = archiveInMemory((CACHED_CHUNKS_MAX + 5) * CHUNK_BYTES);
  const cache = new ChunkCache(archive.source());
  for (let index = 0; index < CACHED_CHUNKS_MAX; index += 1) await cache.read(index);
  await cache.read(0);
  for (let index = CACHED_CHUNKS_MAX; index < CACHED_CHUNKS_MAX + 5; index += 1) await cache.read(index);
  t.equal(cache.size, CACHED_CHUNKS_MAX);
  await cache.read(0);
  await cache.read(1);
  t.equal(archive.reads.get(0), 1, "used lately");
  t.equal(archive.reads.get(1), 2, "forgotten");
});

t.test("a failed read is not remembered", async (t) => {
  let isDiskSound = false;
  const cache = new ChunkCache({
    read: () => (isDiskSound ? Promise.resolve(Uint8Array.of(1)) : Promise.reject(new Error("EIO"))),
  });
  await t.rejects(cache.read(0), /EIO/);
  isDiskSound = true;
  t.same(await cache.read(0), Uint8Array.of(1));
});
