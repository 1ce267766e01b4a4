import t from "tap";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { archiveFiles } from "../../../agent/transfer/partial-archive.ts";
import { openLog } from "../../../common/log.ts";
import { openEmbeddedBroker } from "../../../controller/broker/embedded-broker.ts";
import { openTransferService, TRANSFERS_MAX } from "../../../controller/transfer/transfer-service.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { encodeTransferWant } from "../../../protocol/messages/transfer-want.ts";
import { ChunkBitmap } from "../../../protocol/transfer/chunk-bitmap.ts";
import { pieceLayout } from "../../../protocol/transfer/pieces.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { archiveInMemory } from "../../support/archive-in-memory.ts";
import { mosquittoPath, openMosquitto } from "../../support/mosquitto.ts";
import { openMqttController, openMqttReceiver } from "../../support/mqtt-transfer.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { fasterClock, FLEET, openWorldController, openWorldDevice } from "../../support/transfer-world.ts";
import { pullWant } from "../../support/transfer-wants.ts";
import { openSlowLink } from "../../support/slow-link.ts";
import { until } from "../../support/until.ts";
import { openVirtualBroker } from "../../support/virtual-broker.ts";

const log = openLog("test-service", "silent");
const forever = new AbortController().signal;
const RECEIVER = join(import.meta.dirname, "../../support/receiver-process.ts");

const brokers = [
  { name: "the embedded broker", open: () => openEmbeddedBroker({ host: "127.0.0.1", port: 0, log }), skip: false },
  { name: "Mosquitto", open: openMosquitto, skip: mosquittoPath === undefined && "mosquitto is not installed" },
];

for (const { name, open, skip } of brokers) {
  t.test(`over ${name}, six devices get one archive for little more than its bytes`, { skip }, async (t) => {
    const archive = archiveInMemory(200 * CHUNK_BYTES + 5);
    await using broker = await open();
    await using controller = await openMqttController(broker.url, () => archive.source());
    const directory = t.testdir();
    const devices = await Promise.all(
      Array.from({ length: 6 }, (_, at) => openMqttReceiver(broker.url, `cam-${at}`, join(directory, String(at)))),
    );
    const paths = await Promise.all(
      devices.map(({ receiver }) => receiver.fetch(archive.archive, { signal: forever })),
    );
    for (const path of paths) t.ok(readFileSync(path).equals(archive.bytes));
    const [status] = controller.service.active();
    const sentBytes = (status?.broadcastBytes ?? Infinity) + (status?.unicastBytes ?? Infinity);
    t.ok(sentBytes < 1.3 * archive.bytes.length, `${sentBytes} bytes for ${archive.bytes.length}`);
    await until("all are known to be done", () => controller.service.active()[0]?.done === 6);
    for (const device of devices) await device[Symbol.asyncDispose]();
  });

  t.test(`over ${name}, a slow and a frozen device hold nobody back, and get theirs too`, { skip }, async (t) => {
    const archive = archiveInMemory(150 * CHUNK_BYTES);
    await using broker = await open();
    await using controller = await openMqttController(broker.url, () => archive.source());
    const directory = t.testdir();
    const thaw = Promise.withResolvers<undefined>();
    let frozenFrames = 0;
    const freeze = () => (++frozenFrames > 10 ? thaw.promise : Promise.resolve());
    const at = (device: string) => [broker.url, device, join(directory, device)] as const;
    const slow = await openMqttReceiver(...at("slow"), () => sleep(30));
    const frozen = await openMqttReceiver(...at("frozen"), freeze);
    const healthy = await Promise.all(Array.from({ length: 6 }, (_, index) => openMqttReceiver(...at(`cam-${index}`))));
    const fetch = ({ receiver }: (typeof healthy)[number]) => receiver.fetch(archive.archive, { signal: forever });
    let isSlowDone = false;
    const slowDone = fetch(slow).then((path) => {
      isSlowDone = true;
      return path;
    });
    const frozenDone = fetch(frozen);
    await Promise.all(healthy.map(fetch));
    t.notOk(isSlowDone, "the slow one needs 4.5 s by itself");
    t.ok(frozenFrames > 10, "the frozen one is frozen");
    thaw.resolve(undefined);
    for (const path of await Promise.all([slowDone, frozenDone])) t.ok(readFileSync(path).equals(archive.bytes));
    t.equal(controller.service.active().length, 1);
    for (const device of [slow, frozen, ...healthy]) await device[Symbol.asyncDispose]();
  });

  t.test(`over ${name}, what a narrow way brings down is hardly more than the archive`, { skip }, async (t) => {
    const archive = archiveInMemory(16 * CHUNK_BYTES);
    await using broker = await open();
    await using controller = await openMqttController(broker.url, () => archive.source());
    await using link = await openSlowLink(broker.url, { bytesPerSecond: 120_000, delayMs: 50 });
    await using device = await openMqttReceiver(link.url, "far-away", t.testdir());
    const path = await device.receiver.fetch(archive.archive, { signal: forever });
    t.ok(readFileSync(path).equals(archive.bytes));
    const share = (bytes: number) => bytes / archive.bytes.length;
    t.ok(share(link.downBytes()) < 1.3, `${share(link.downBytes())} of the archive came down`);
    t.ok(share(controller.service.sentBytes()) < 1.3, `${share(controller.service.sentBytes())} was sent`);
  });

  t.test(`over ${name}, devices that are all behind narrow ways are sent one archive together`, { skip }, async (t) => {
    const archive = archiveInMemory(32 * CHUNK_BYTES);
    await using broker = await open();
    await using controller = await openMqttController(broker.url, () => archive.source());
    const directory = t.testdir();
    const paths = await Promise.all(
      Array.from({ length: 4 }, async (_, at) => {
        await using link = await openSlowLink(broker.url, { bytesPerSecond: 400_000, delayMs: 30 });
        await using device = await openMqttReceiver(link.url, `cam-${at}`, join(directory, String(at)));
        return await device.receiver.fetch(archive.archive, { signal: forever });
      }),
    );
    for (const path of paths) t.ok(readFileSync(path).equals(archive.bytes));
    const share = controller.service.sentBytes() / archive.bytes.length;
    t.ok(share < 2, `${share} archives were sent to four devices`);
  });

  t.test(`over ${name}, a receiver killed in mid-transfer gets only what it lacks`, { skip }, async (t) => {
    const archive = archiveInMemory(200 * CHUNK_BYTES);
    await using broker = await open();
    const directory = t.testdir();
    const { held: sidecar } = archiveFiles(directory, archive.archive.sha256);
    const { pieces } = pieceLayout(archive.archive.length);
    const heldPieces = () => (existsSync(sidecar) ? ChunkBitmap.fromBytes(readFileSync(sidecar), pieces).count : 0);
    const start = () => {
      const args = [RECEIVER, broker.url, "cam-1", directory, JSON.stringify(archive.archive)];
      return spawn(process.execPath, args, {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, NODE_OPTIONS: "" },
      });
    };
    const rate = { maxBytesPerSecond: 100 * CHUNK_BYTES };
    await (async () => {
      await using _controller = await openMqttController(broker.url, () => archive.source(), rate);
      const killed = start();
      await until("it holds a third", () => heldPieces() > pieces / 3);
      killed.kill("SIGKILL");
      await once(killed, "exit");
    })();
    const held = heldPieces();
    t.ok(held > pieces / 3 && held < pieces);
    archive.reads.clear();
    await using controller = await openMqttController(broker.url, () => archive.source());
    const resumed = start();
    await once(resumed, "exit");
    t.ok(readFileSync(archiveFiles(directory, archive.archive.sha256).complete).equals(archive.bytes));
    t.equal(archive.reads.size, pieces - held, "chunks that were sent after the kill");
    t.equal(controller.service.active()[0]?.broadcastBytes, 0);
  });
}

t.test("a device that joins late gets the rest with the others, and what it missed after them", async (t) => {
  // Not much faster than real time: on a busy machine the devices would seem to lag, and leave the broadcast.
  const clock = fasterClock(2);
  const archive = archiveInMemory(200 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(21) });
  const { service } = openWorldController(broker, clock, () => archive.source(), {
    maxBytesPerSecond: 50 * CHUNK_BYTES,
  });
  const directory = t.testdir();
  const open = (name: string) => openWorldDevice(broker, clock, name, join(directory, name));
  const early = [open("cam-1"), open("cam-2")];
  const late = open("late");
  const progress = { bytes: 0 };
  const onProgress = (doneBytes: number) => (progress.bytes = Math.max(progress.bytes, doneBytes));
  const fetched = early.map(({ receiver }) => receiver.fetch(archive.archive, { signal: forever, onProgress }));
  await until("a third is there", () => progress.bytes > archive.bytes.length / 3);
  fetched.push(late.receiver.fetch(archive.archive, { signal: forever }));
  for (const path of await Promise.all(fetched)) t.ok(readFileSync(path).equals(archive.bytes));
  const [status] = service.active();
  const sentBytes = (status?.broadcastBytes ?? Infinity) + (status?.unicastBytes ?? Infinity);
  t.ok(sentBytes < 1.7 * archive.bytes.length, `${sentBytes} bytes for three devices`);
  for (const { receiver } of [...early, late]) await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("two archives travel at the same time", async (t) => {
  const clock = fasterClock(10);
  const archives = ["a", "b"].map((seed) => archiveInMemory(40 * CHUNK_BYTES, seed));
  const broker = openVirtualBroker({ random: seededRandom(22), lostShare: 0.02 });
  const bySha256 = new Map(archives.map((archive) => [archive.archive.sha256, archive]));
  const { service } = openWorldController(broker, clock, (wanted) => bySha256.get(wanted)?.source());
  const directory = t.testdir();
  const devices = archives.flatMap((archive, at) =>
    ["x", "y"].map((half) => ({
      archive,
      ...openWorldDevice(broker, clock, `cam-${at}${half}`, join(directory, `${at}${half}`)),
    })),
  );
  await Promise.all(
    devices.map(async ({ archive, receiver }) => {
      const path = await receiver.fetch(archive.archive, { signal: forever });
      t.ok(readFileSync(path).equals(archive.bytes));
    }),
  );
  for (const { receiver } of devices) await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("an archive that cannot be read ends its transfer, and nothing else", async (t) => {
  const clock = fasterClock(10);
  const archive = archiveInMemory(4 * CHUNK_BYTES);
  let isDiskSound = false;
  let closed = 0;
  const source = () => ({
    ...archive.source(),
    read: (index: number) => (isDiskSound ? archive.source().read(index) : Promise.reject(new Error("EIO"))),
    [Symbol.asyncDispose]: () => Promise.resolve(void (closed += 1)),
  });
  const broker = openVirtualBroker({ random: seededRandom(23) });
  const { service } = openWorldController(broker, clock, source);
  const { receiver } = openWorldDevice(broker, clock, "cam-1", t.testdir());
  const fetched = receiver.fetch(archive.archive, { signal: forever });
  await until("the source was closed", () => closed > 0);
  isDiskSound = true;
  t.ok(readFileSync(await fetched).equals(archive.bytes));
  await receiver[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

t.test("a transfer that nobody wants any more is closed", async () => {
  const clock = fasterClock(50);
  const archive = archiveInMemory(4 * CHUNK_BYTES);
  const broker = openVirtualBroker({ random: seededRandom(24) });
  const { service } = openWorldController(broker, clock, () => archive.source());
  service.onWant("cam-1" as DeviceId, encodeTransferWant({ ...pullWant([0]), archive: archive.archive.sha256 }));
  await until("it is active", () => service.active().length === 1);
  await until("it is closed", () => service.active().length === 0);
  await service[Symbol.asyncDispose]();
});

t.test("the number of archives on their way is bounded", async (t) => {
  const clock = fasterClock(10);
  const service = openTransferService({
    fleet: FLEET,
    publish: () => Promise.resolve(),
    openArchive: () => Promise.resolve(archiveInMemory(CHUNK_BYTES).source()),
    clock,
    log,
  });
  for (let at = 0; at < 2 * TRANSFERS_MAX; at += 1) {
    service.onWant("cam-1" as DeviceId, encodeTransferWant({ ...pullWant([0]), archive: sha256(String(at)) }));
  }
  await until("some are active", () => service.active().length > 0);
  t.equal(service.active().length, TRANSFERS_MAX);
  await service[Symbol.asyncDispose]();
});

t.test("what is no want, and a want of pieces that there are not, change nothing", async (t) => {
  const clock = fasterClock(10);
  const archive = archiveInMemory(4 * CHUNK_BYTES);
  const { service } = openWorldController(openVirtualBroker({ random: seededRandom(25) }), clock, () =>
    archive.source(),
  );
  service.onWant("cam-1" as DeviceId, Buffer.from("no want"));
  service.onWant("cam-1" as DeviceId, encodeTransferWant({ ...pullWant([99]), archive: archive.archive.sha256 }));
  await until("the archive is open", () => service.active().length === 1);
  t.equal(service.active()[0]?.devices, 0);
  await service[Symbol.asyncDispose]();
});
