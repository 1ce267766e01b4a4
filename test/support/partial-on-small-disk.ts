/**
 * A process whose disk is 26 MB small: a partial archive meets a disk that is full. Prints the code of each refusal and
 * what the archive holds in the end. Argument: a directory on that disk.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PartialArchive } from "../../agent/transfer/partial-archive.ts";
import { FerryError } from "../../common/ferry-error.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { archiveInMemory } from "./archive-in-memory.ts";

const [directory = ""] = process.argv.slice(2);
const codes: string[] = [];
const refused = async (work: () => Promise<unknown>) => {
  await work().catch((error: unknown) => codes.push(error instanceof FerryError ? error.code : String(error)));
};

const tooLarge = archiveInMemory(400 * CHUNK_BYTES);
await refused(() => PartialArchive.open(directory, tooLarge.archive));

const archive = archiveInMemory(100 * CHUNK_BYTES);
const { chunkDigests, read } = archive.source();
await using partial = await PartialArchive.open(directory, archive.archive);
await partial.storeList(chunkDigests);
await partial.writeChunk(0, await read(0));
await partial.sync();

const filler = join(directory, "filler");
try {
  for (;;) writeFileSync(filler, Buffer.alloc(64 * 1024), { flag: "a" });
} catch {
  // The disk is full.
}
for (let index = 1; index < 100 && codes.length < 2; index += 1) {
  await refused(async () => partial.writeChunk(index, await read(index)));
}
rmSync(filler);
await partial.writeChunk(50, await read(50));
await partial.sync();
process.stdout.write(JSON.stringify({ codes, holds: [partial.held.has(1), partial.held.has(51)] }));
