import t from "tap";
import { Intake } from "../../../agent/transfer/intake.ts";
import { PartialArchive } from "../../../agent/transfer/partial-archive.ts";
import { openLog } from "../../../common/log.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { archiveInMemory } from "../../support/archive-in-memory.ts";

const log = openLog("test", "silent");

t.test("takes nothing before the chunk list, then only listed chunks at their places", async (t) => {
  const archive = archiveInMemory(2 * CHUNK_BYTES + 10);
  const { chunkDigests, read } = archive.source();
  await using partial = await PartialArchive.open(t.testdir(), archive.archive);
  const intake = new Intake(partial, log);
  const chunks = await Promise.all([0, 1, 2].map(read));
  const [first = new Uint8Array(), second = new Uint8Array(), last = new Uint8Array()] = chunks;
  t.equal(await intake.take(1, first), false, "without list");
  t.equal(await intake.take(0, chunkDigests.subarray(1)), false, "a fragment that is too short");
  t.equal(await intake.take(0, chunkDigests), true, "the list");
  t.equal(await intake.take(1, second), false, "a chunk at another's place");
  t.equal(await intake.take(3, Buffer.concat([last, Buffer.alloc(1)])), false, "a chunk that is too long");
  t.equal(await intake.take(1, first), true);
  t.equal(await intake.take(3, last), true);
  t.equal(partial.written.count, 3);
});
