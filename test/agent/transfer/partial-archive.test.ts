import t from "tap";
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archiveFiles, PartialArchive } from "../../../agent/transfer/partial-archive.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { ChunkBitmap } from "../../../protocol/transfer/chunk-bitmap.ts";
import { isListedChunk } from "../../../protocol/transfer/chunk-list.ts";
import { archiveInMemory } from "../../support/archive-in-memory.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const CHUNKS = 40;
const archive = archiveInMemory(CHUNKS * CHUNK_BYTES - 100);
const { chunkDigests, read } = archive.source();
const forever = new AbortController().signal;

async function begun(directory: string, chunks: readonly number[]): Promise<PartialArchive> {
  const partial = await PartialArchive.open(directory, archive.archive);
  await partial.storeList(chunkDigests);
  for (const index of chunks) await partial.writeChunk(index, await read(index));
  return partial;
}

t.test("holds what was synced, and finds it again", async (t) => {
  const directory = t.testdir();
  const partial = await begun(directory, [0, 7]);
  t.equal(partial.held.count, 0, "written is not held");
  t.equal(partial.unsyncedPieces, 3);
  await partial.sync();
  t.equal(partial.held.count, 3);
  await partial[Symbol.asyncDispose]();
  await using again = await PartialArchive.open(directory, archive.archive);
  t.same(again.held.toBytes(), new ChunkBitmap(CHUNKS + 1).with([0, 1, 8]).toBytes());
  t.same(again.list, chunkDigests);
});

t.test("finishes with the whole file under its final name", async (t) => {
  const directory = t.testdir();
  await using partial = await begun(
    directory,
    Array.from({ length: CHUNKS }, (_, index) => index),
  );
  const path = await partial.finish(forever);
  t.equal(path, archiveFiles(directory, archive.archive.sha256).complete);
  t.ok(readFileSync(path).equals(archive.bytes));
  t.notOk(existsSync(archiveFiles(directory, archive.archive.sha256).held));
});

t.test("a file that changed on the disk is refused at the end, and removed", async (t) => {
  const directory = t.testdir();
  await using partial = await begun(
    directory,
    Array.from({ length: CHUNKS }, (_, index) => index),
  );
  const { part } = archiveFiles(directory, archive.archive.sha256);
  writeFileSync(part, Buffer.alloc(10), { flag: "r+" });
  await t.rejects(partial.finish(forever), { code: "archive-digest" });
  t.notOk(existsSync(part));
});

const damages = [
  {
    what: "the bitmap is cut short",
    harm: (files: Files) => {
      truncateSync(files.held, 1);
    },
  },
  {
    what: "the bitmap is gone",
    harm: (files: Files) => {
      rmSync(files.held);
    },
  },
  {
    what: "the chunk list is another",
    harm: (files: Files) => {
      writeFileSync(files.list, "other");
    },
  },
  {
    what: "the file is gone",
    harm: (files: Files) => {
      rmSync(files.part);
    },
  },
];
type Files = ReturnType<typeof archiveFiles>;
for (const { what, harm } of damages) {
  t.test(`begins anew when ${what}`, async (t) => {
    const directory = t.testdir();
    const partial = await begun(directory, [0, 1, 2]);
    await partial.sync();
    await partial[Symbol.asyncDispose]();
    harm(archiveFiles(directory, archive.archive.sha256));
    await using again = await PartialArchive.open(directory, archive.archive);
    t.equal(again.held.count, 0);
    t.equal(again.list, undefined);
  });
}

t.test("whenever the power goes, the bitmap names only chunks that the file holds", async (t) => {
  const directory = t.testdir({ live: {} });
  const live = join(directory, "live");
  const random = seededRandom(1);
  await using partial = await begun(live, []);
  const { part, held } = archiveFiles(live, archive.archive.sha256);
  for (let index = 0; index < CHUNKS; index += 1) {
    await partial.writeChunk(index, await read(index));
    if (random() > 0.3) continue;
    // What a power cut may leave: a bitmap of this moment, beside the file as it was synced last or is now.
    const syncing = partial.sync();
    const seen = join(directory, `cut-${index}`);
    copyFileSync(held, `${seen}.held`);
    cpSync(part, `${seen}.part`);
    await syncing;
    const bitmap = ChunkBitmap.fromBytes(readFileSync(`${seen}.held`), CHUNKS + 1);
    const file = readFileSync(`${seen}.part`);
    for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
      const bytes = file.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      if (bitmap.has(chunk + 1)) t.ok(isListedChunk(chunkDigests, chunk, bytes), `chunk ${chunk} at cut ${index}`);
    }
  }
});

const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

t.test(
  "a full disk is told as such, and the archive goes on when there is room",
  canMount ? {} : { skip: "this user may not mount a small disk" },
  async (t) => {
    const child = join(import.meta.dirname, "../../support/partial-on-small-disk.ts");
    const mount = 'mount -t tmpfs -o size=26m tmpfs /mnt && exec "$@"';
    const args = ["-rm", "sh", "-c", mount, "sh", process.execPath, child, "/mnt"];
    const { NODE_OPTIONS: _, ...env } = process.env;
    const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", env });
    t.same(JSON.parse(stdout), { codes: ["disk-full", "disk-full"], holds: [true, true] }, stderr);
  },
);
