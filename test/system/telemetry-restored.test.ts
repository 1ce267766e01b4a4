import { copyFile, rm } from "node:fs/promises";
import t from "tap";
import { openOutbox, type Outbox } from "../../agent/telemetry/outbox.ts";
import { systemClock } from "../../common/clock.ts";
import { accountStreams } from "../../controller/telemetry/accounting.ts";
import { DEVICE, openPipe, quietLog, type Pipe } from "../support/telemetry-pipe.ts";
import { until } from "../support/until.ts";

const options = { clock: systemClock, log: quietLog };

const isDrained = (outbox: Outbox) => outbox.lanes().length === 1 && outbox.pending === 0;

async function numbersIn({ store }: Pipe): Promise<number[]> {
  const rows = await store.selectFrom("telemetry").select("fields_json").execute();
  const numbers = rows.map((row) => (JSON.parse(row.fields_json) as { n?: number }).n);
  return numbers.filter((n) => n !== undefined).sort((a, b) => a - b);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

async function copyOutbox(from: string, to: string): Promise<void> {
  for (const suffix of ["-wal", "-shm"]) await rm(to + suffix, { force: true });
  await copyFile(from, to);
}

/** Appends records n in [from, to) and waits until the controller has them. */
async function live(path: string, storePath: string, from: number, to: number): Promise<void> {
  await using outbox = openOutbox(path, options);
  await using pipe = await openPipe({ outbox, storePath });
  for (let n = from; n < to; n += 1) outbox.append("health", { n });
  outbox.flush();
  await until("everything was received", () => isDrained(outbox));
  t.equal(pipe.ingest.counters.problems["stream-reused"], 0, "a device that is no copy is not taken for one");
}

t.test("a restored image gets another stream, and nothing that it measures is taken for what was there", async (t) => {
  const directory = t.testdir({});
  const [path, image, storePath] = ["outbox.db", "image.db", "controller.db"].map((name) => `${directory}/${name}`);
  if (path === undefined || image === undefined || storePath === undefined) return;
  await live(path, storePath, 0, 100);
  await copyOutbox(path, image);
  await live(path, storePath, 100, 500);
  await live(path, storePath, 500, 600);

  // The disk dies; the image is what is left. It ran for a while, and once more, before it found the network.
  await copyOutbox(image, path);
  {
    await using outbox = openOutbox(path, options);
    for (let n = 1_000; n < 1_050; n += 1) outbox.append("health", { n });
  }
  await using outbox = openOutbox(path, options);
  for (let n = 1_050; n < 1_900; n += 1) outbox.append("health", { n });
  const before = outbox.stream;
  await using pipe = await openPipe({ outbox, storePath });
  await until("everything was received", () => outbox.stream !== before && isDrained(outbox));
  t.ok(pipe.ingest.counters.problems["stream-reused"] > 0);
  t.same(await numbersIn(pipe), [...range(0, 600), ...range(1_000, 1_900)], "everything once");
  for (const account of await accountStreams(pipe.store, new Map([[DEVICE, outbox]]))) {
    t.match(account, { missing: 0, declared: 0, outstanding: 0, received: account.produced });
  }
});

t.test("two devices of one image end up in streams of their own", async (t) => {
  const directory = t.testdir({});
  const storePath = `${directory}/controller.db`;
  const paths = ["first", "second"].map((name) => `${directory}/${name}.db`);
  const [first = "", second = ""] = paths;
  await live(first, storePath, 0, 10);
  await copyOutbox(first, second);
  await live(first, storePath, 10, 30);
  // The broker lets one of them in at a time.
  for (const [at, path] of [second, first, second, first].entries()) {
    await using outbox = openOutbox(path, options);
    await using pipe = await openPipe({ outbox, storePath });
    const from = 100 * (at + 1);
    for (let n = from; n < from + 20; n += 1) outbox.append("health", { n });
    outbox.flush();
    await until("everything was received", () => isDrained(outbox));
    t.same(
      (await numbersIn(pipe)).filter((n) => n >= from),
      range(from, from + 20),
    );
  }
});

t.test("an answer that is not about this copy changes nothing", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, options);
  for (let n = 0; n < 3; n += 1) outbox.append("health", { n });
  outbox.flush();
  const { stream } = outbox;
  t.equal(outbox.leaveStream(stream, 2), false);
  t.equal(outbox.leaveStream("f".repeat(32) as typeof stream, 0), false);
  t.match(outbox.read(stream, 0, { recordsMax: 10, bytesMax: 1_000 }), { records: { length: 3 } });
});
