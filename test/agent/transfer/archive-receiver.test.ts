import t from "tap";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CREDIT_MAX } from "../../../agent/transfer/asking.ts";
import { archiveFiles } from "../../../agent/transfer/partial-archive.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { decodeChunkFrame } from "../../../protocol/transfer/chunk-frame.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { parseTopic } from "../../../protocol/topics.ts";
import { archiveInMemory } from "../../support/archive-in-memory.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { fasterClock, openWorldController, openWorldDevice } from "../../support/transfer-world.ts";
import { until } from "../../support/until.ts";
import { openVirtualBroker } from "../../support/virtual-broker.ts";

const clock = fasterClock(10);
const forever = new AbortController().signal;

const links = [
  { what: "a sound link", lostShare: 0, doubledShare: 0, lateShare: 0 },
  { what: "a link that loses", lostShare: 0.2, doubledShare: 0, lateShare: 0 },
  { what: "a link that doubles and reorders", lostShare: 0, doubledShare: 0.2, lateShare: 0.3 },
  { what: "a link that does all of that", lostShare: 0.15, doubledShare: 0.15, lateShare: 0.3 },
];
for (const { what, ...shares } of links) {
  for (const [seed, devices] of [
    [1, 1],
    [2, 5],
  ] as const) {
    t.test(`${what} brings the right bytes to ${devices} (seed ${seed})`, async (t) => {
      const archive = archiveInMemory(70 * CHUNK_BYTES + 123);
      const broker = openVirtualBroker({ random: seededRandom(seed), ...shares });
      const { service } = openWorldController(broker, clock, () => archive.source());
      const directory = t.testdir();
      const opened = Array.from({ length: devices }, (_, at) =>
        openWorldDevice(broker, clock, `cam-${at}`, join(directory, String(at))),
      );
      const paths = await Promise.all(
        opened.map(({ receiver }) => receiver.fetch(archive.archive, { signal: forever })),
      );
      for (const path of paths) t.ok(readFileSync(path).equals(archive.bytes));
      for (const { receiver, link } of opened) {
        t.equal(link.subscriptions.size, 2, "no broadcast is listened to any more");
        await receiver[Symbol.asyncDispose]();
      }
      // How much of it depends on the machine: devices that are held up leave a broadcast.
      if (devices > 1)
        t.ok((service.active()[0]?.broadcastBytes ?? 0) > 0, "several devices are served by a broadcast");
      await service[Symbol.asyncDispose]();
    });
  }
}

t.test("a chunk list of several fragments is put together", async (t) => {
  const archive = archiveInMemory(1_925 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(3), lostShare: 0.01 });
  const { service } = openWorldController(broker, clock, () => archive.source());
  const { receiver, fetched } = openWorldDevice(broker, clock, "cam-1", t.testdir());
  const path = await receiver.fetch(archive.archive, { signal: forever });
  t.equal(sha256(readFileSync(path)), archive.archive.sha256);
  t.match(fetched, [{ archive: archive.archive.sha256, bytes: archive.archive.length, heldBytes: 0 }]);
  t.ok((fetched[0]?.seconds ?? 0) > 0 && (fetched[0]?.retries ?? -1) >= 0, "what it took is told");
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("a chunk changed on the way is refused, and asked for again", async (t) => {
  const archive = archiveInMemory(20 * CHUNK_BYTES);
  let changed = 0;
  const tamper = (topic: string, payload: Uint8Array) => {
    if (parseTopic(topic).kind !== "chunk" || changed > 5) return payload;
    if (decodeChunkFrame(payload).header.of === "list") return payload;
    changed += 1;
    return Buffer.concat([payload.subarray(0, -1), Uint8Array.of((payload.at(-1) ?? 0) ^ 1)]);
  };
  const broker = openVirtualBroker({ random: seededRandom(4), tamper });
  const { service } = openWorldController(broker, clock, () => archive.source());
  const { receiver } = openWorldDevice(broker, clock, "cam-1", t.testdir());
  const path = await receiver.fetch(archive.archive, { signal: forever });
  t.ok(readFileSync(path).equals(archive.bytes));
  t.equal(changed, 6);
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("a sender that has other chunks than the list names is given up", async (t) => {
  const archive = archiveInMemory(20 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(5) });
  const damaged = { ...archive.source(), read: () => Promise.resolve(new Uint8Array(CHUNK_BYTES)) };
  const { service } = openWorldController(broker, fasterClock(300), () => damaged);
  const { receiver } = openWorldDevice(broker, fasterClock(300), "cam-1", t.testdir());
  await t.rejects(receiver.fetch(archive.archive, { signal: forever }), { code: "transfer-failed" });
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("a chunk list that is not the one of the deployment is refused", async (t) => {
  const archive = archiveInMemory(20 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(6) });
  const { service } = openWorldController(broker, clock, () => archive.source());
  const directory = t.testdir();
  const { receiver } = openWorldDevice(broker, clock, "cam-1", directory);
  const otherList = { ...archive.archive, chunkList: sha256("another list") };
  await t.rejects(receiver.fetch(otherList, { signal: forever }), { code: "transfer-failed" });
  t.notOk(existsSync(archiveFiles(directory, archive.archive.sha256).list));
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test(
  "a list that was signed for other bytes than the archive's is found out at the end, and nothing is kept",
  async (t) => {
    const archive = archiveInMemory(20 * CHUNK_BYTES);
    const broker = openVirtualBroker({ random: seededRandom(7) });
    const { service } = openWorldController(broker, clock, () => archive.source());
    const directory = t.testdir();
    const { receiver } = openWorldDevice(broker, clock, "cam-1", directory);
    const otherArchive = { ...archive.archive, sha256: sha256("another archive") };
    await t.rejects(receiver.fetch(otherArchive, { signal: forever }), { code: "archive-digest" });
    t.same(readdirSync(directory), []);
    await receiver[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  },
);

t.test("goes on after the connection was lost in the middle, without what it holds", async (t) => {
  const archive = archiveInMemory(200 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(8) });
  const rate = { maxBytesPerSecond: 20 * CHUNK_BYTES };
  const { service } = openWorldController(broker, clock, () => archive.source(), rate);
  const { receiver, link } = openWorldDevice(broker, clock, "cam-1", t.testdir());
  const progress: number[] = [];
  const onProgress = (doneBytes: number) => progress.push(doneBytes);
  const fetched = receiver.fetch(archive.archive, { signal: forever, onProgress });
  await until("half of it is there", () => (progress.at(-1) ?? 0) > archive.bytes.length / 2);
  link.cut();
  link.restore();
  receiver.onConnect();
  t.ok(readFileSync(await fetched).equals(archive.bytes));
  t.equal(progress.at(-1), archive.bytes.length);
  t.ok((service.active()[0]?.unicastBytes ?? Infinity) < 1.25 * archive.bytes.length);
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("asks again for as long as nobody answers", async (t) => {
  const archive = archiveInMemory(3 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(9) });
  const { receiver } = openWorldDevice(broker, fasterClock(50), "cam-1", t.testdir());
  const fetched = receiver.fetch(archive.archive, { signal: forever });
  let isKnown = false;
  let asked = 0;
  const openArchive = () => {
    asked += 1;
    return isKnown ? archive.source() : undefined;
  };
  const { service } = openWorldController(broker, fasterClock(50), openArchive);
  await until("it has asked three times", () => asked >= 3);
  isKnown = true;
  t.ok(readFileSync(await fetched).equals(archive.bytes));
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("an abort ends the fetch with its reason, and what arrived serves the next one", async (t) => {
  const archive = archiveInMemory(300 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(10) });
  const rate = { maxBytesPerSecond: 60 * CHUNK_BYTES };
  const { service } = openWorldController(broker, clock, () => archive.source(), rate);
  const { receiver } = openWorldDevice(broker, clock, "cam-1", t.testdir());
  const superseded = new AbortController();
  let heldBytes = 0;
  const onProgress = (doneBytes: number) => {
    heldBytes = doneBytes;
    if (doneBytes > archive.bytes.length / 3) superseded.abort(new Error("superseded"));
  };
  await t.rejects(receiver.fetch(archive.archive, { signal: superseded.signal, onProgress }), {
    message: "superseded",
  });
  const before = service.active()[0]?.unicastBytes ?? 0;
  await receiver.fetch(archive.archive, { signal: forever });
  const after = service.active()[0]?.unicastBytes ?? 0;
  // What was asked for before the abort may still be on its way, and be asked for again.
  const onTheirWay = 2 * CREDIT_MAX * CHUNK_BYTES;
  t.ok(after - before < archive.bytes.length - heldBytes + onTheirWay, `${after - before} bytes were sent again`);
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("archives wait for each other, and a finished one is there at once the next time", async (t) => {
  const archives = ["a", "b"].map((seed) => archiveInMemory(10 * CHUNK_BYTES, seed));
  const broker = openVirtualBroker({ random: seededRandom(11) });
  const bySha256 = new Map(archives.map((archive) => [archive.archive.sha256, archive]));
  const { service } = openWorldController(broker, clock, (wanted) => bySha256.get(wanted)?.source());
  const directory = t.testdir();
  const { receiver } = openWorldDevice(broker, clock, "cam-1", directory);
  const paths = await Promise.all(archives.map(({ archive }) => receiver.fetch(archive, { signal: forever })));
  for (const [at, path] of paths.entries()) t.ok(readFileSync(path).equals(archives[at]?.bytes ?? Buffer.alloc(0)));
  await service[Symbol.asyncDispose]();
  const [first] = archives;
  if (first === undefined) throw new Error("no archive");
  t.equal(await receiver.fetch(first.archive, { signal: forever }), paths[0], "without any controller");
  await receiver.discard(first.archive.sha256);
  t.equal(readdirSync(directory).length, 1);
  await receiver[Symbol.asyncDispose]();
});

t.test("what interrupted fetches of other archives left is bounded", async (t) => {
  const archives = Array.from({ length: 4 }, (_, at) => archiveInMemory(60 * CHUNK_BYTES, String(at)));
  const broker = openVirtualBroker({ random: seededRandom(12) });
  const bySha256 = new Map(archives.map((archive) => [archive.archive.sha256, archive]));
  const rate = { maxBytesPerSecond: 40 * CHUNK_BYTES };
  const { service } = openWorldController(broker, clock, (wanted) => bySha256.get(wanted)?.source(), rate);
  const directory = t.testdir();
  const { receiver } = openWorldDevice(broker, clock, "cam-1", directory);
  for (const { archive } of archives) {
    const interrupted = new AbortController();
    const onProgress = (doneBytes: number) => {
      if (doneBytes > 0) interrupted.abort(new Error("interrupted"));
    };
    await t.rejects(receiver.fetch(archive, { signal: interrupted.signal, onProgress }));
  }
  const kept = new Set(readdirSync(directory).map((name) => name.split(".")[0]));
  t.same(kept, new Set(archives.slice(-2).map(({ archive }) => archive.sha256)), "the last one and the one before it");
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("closing ends a fetch", async (t) => {
  const archive = archiveInMemory(3 * CHUNK_BYTES);
  const { receiver } = openWorldDevice(openVirtualBroker({ random: seededRandom(13) }), clock, "cam-1", t.testdir());
  const ended = t.rejects(receiver.fetch(archive.archive, { signal: forever }), /closing/);
  await receiver[Symbol.asyncDispose]();
  await ended;
});

t.test("bytes that are no frame and no offer change nothing", async (t) => {
  const { receiver } = openWorldDevice(openVirtualBroker({ random: seededRandom(14) }), clock, "cam-1", t.testdir());
  receiver.onGroupCommand(Buffer.from("no offer"));
  await receiver.onChunk(Buffer.from("no frame"));
  await receiver[Symbol.asyncDispose]();
});
