import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import t from "tap";
import { openOutbox, type Outbox } from "../../agent/telemetry/outbox.ts";
import { systemClock } from "../../common/clock.ts";
import { accountStreams } from "../../controller/telemetry/accounting.ts";
import { listGaps } from "../../controller/telemetry/gaps.ts";
import type { Store } from "../../controller/store/store.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { DEVICE, openPipe, quietLog } from "../support/telemetry-pipe.ts";
import { until } from "../support/until.ts";

const options = { clock: systemClock, log: quietLog };

/** The field `n` of every stored record that has one: what the test counted, in ascending order. */
async function numbersIn(store: Store): Promise<number[]> {
  const rows = await store.selectFrom("telemetry").select("fields_json").execute();
  return rows
    .map((row) => (JSON.parse(row.fields_json) as { n?: number }).n)
    .filter((n) => n !== undefined)
    .sort((a, b) => a - b);
}

const upTo = (end: number) => Array.from({ length: end }, (_, n) => n);

const isDrained = (outbox: Outbox) => outbox.lanes().length === 1 && outbox.pending === 0;

const network = [
  { when: "messages are lost, doubled and overtake each other", seed: 1, lost: 0.3, doubled: 0.3, delayMs: 40 },
  { when: "almost everything is lost", seed: 2, lost: 0.7, doubled: 0, delayMs: 5 },
  { when: "everything arrives twice and late", seed: 3, lost: 0, doubled: 1, delayMs: 150 },
];
for (const { when, seed, lost, doubled, delayMs } of network) {
  t.test(`every record is stored exactly once when ${when} (seed ${seed})`, async (t) => {
    const random = seededRandom(seed);
    const directory = t.testdir({});
    await using outbox = openOutbox(`${directory}/outbox.db`, options);
    const delay = () => random() * delayMs;
    await using pipe = await openPipe({
      outbox,
      storePath: `${directory}/controller.db`,
      retryMs: 30,
      deliver: () => (random() < lost ? [] : random() < doubled ? [delay(), delay()] : [delay()]),
    });
    const count = 1_500;
    for (let n = 0; n < count; n += 1) {
      outbox.append(n % 10 === 0 ? "event" : "health", { n });
      if (random() < 0.02) await systemClock.sleep(random() * 30);
      if (random() < 0.002) pipe.session = pipe.session === undefined ? `s${n}` : undefined;
    }
    pipe.session = "last";
    await until("the outbox is empty", () => isDrained(outbox));
    t.same(await numbersIn(pipe.store), upTo(count));
    for (const account of await accountStreams(pipe.store, new Map([[DEVICE, outbox]]), [DEVICE])) {
      t.match(account, { missing: 0, declared: 0, outstanding: 0, received: account.produced });
    }
  });
}

t.test("an outbox whose process is killed at any moment loses nothing that it had taken in", async (t) => {
  const random = seededRandom(4);
  const directory = t.testdir({});
  const path = `${directory}/outbox.db`;
  let announced = 0;
  for (let round = 0; round < 5; round += 1) {
    const child = spawn(process.execPath, ["test/support/outbox-producer.ts", path, String(announced)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    let last = announced;
    lines.on("line", (line) => (last = Number(line)));
    await once(lines, "line");
    await systemClock.sleep(random() * 150);
    child.kill("SIGKILL");
    await Promise.all([once(child, "exit"), once(lines, "close")]);
    // The next round counts on from what this one may have written without having said so.
    announced = last + 10_000_000;
    t.ok(last > 0, `round ${round} was killed after record ${last}`);
    await using outbox = openOutbox(path, options);
    await using pipe = await openPipe({ outbox, storePath: `${directory}/controller.db` });
    await until("the outbox is empty", () => isDrained(outbox));
    const numbers = await numbersIn(pipe.store);
    t.equal(new Set(numbers).size, numbers.length, "none twice");
    t.ok(numbers.includes(last), "what was announced is there");
    for (const account of await accountStreams(pipe.store, new Map([[DEVICE, outbox]]), [DEVICE])) {
      t.match(account, { missing: 0, declared: 0, outstanding: 0, received: account.produced });
    }
  }
});

t.test("a controller that loses its database declares what it had acknowledged, and goes on", async (t) => {
  const directory = t.testdir({});
  const storePath = `${directory}/controller.db`;
  await using outbox = openOutbox(`${directory}/outbox.db`, options);
  for (let n = 0; n < 100; n += 1) outbox.append("health", { n });
  {
    await using _pipe = await openPipe({ outbox, storePath });
    await until("the outbox is empty", () => isDrained(outbox) && outbox.produced === 100);
  }
  for (const suffix of ["", "-wal", "-shm"]) await rm(storePath + suffix, { force: true });
  for (let n = 100; n < 150; n += 1) outbox.append("health", { n });
  await using pipe = await openPipe({ outbox, storePath });
  await until("the outbox is empty", () => isDrained(outbox) && outbox.produced === 150);
  t.same(await numbersIn(pipe.store), upTo(150).slice(100));
  t.match(await listGaps(pipe.store, { device: DEVICE }), [
    { cause: "controller-lost", stream: outbox.stream, count: 100, firstSeq: 0, lastSeq: 99 },
  ]);
  t.match(await accountStreams(pipe.store, new Map([[DEVICE, outbox]]), [DEVICE]), [
    { produced: 150, received: 50, declared: 100, outstanding: 0, missing: 0 },
  ]);
});

t.test(
  "what an overfull outbox dropped in an outage is declared, and everything adds up at the controller",
  async (t) => {
    const directory = t.testdir({});
    await using outbox = openOutbox(`${directory}/outbox.db`, { ...options, capBytes: 1024 ** 2 });
    await using pipe = await openPipe({ outbox, storePath: `${directory}/controller.db`, session: undefined });
    const text = "x".repeat(400);
    for (let n = 0; n < 6_000; n += 1) {
      if (n % 100 === 0) outbox.append("event", { event: "swapped", n, text });
      // Without a slot: records that cannot be told less finely.
      else outbox.append("inference", { n, text });
      if (n % 50 === 0) await new Promise(setImmediate);
    }
    pipe.session = "s2";
    await until("the outbox is empty", () => isDrained(outbox) && outbox.produced >= 6_000);
    const numbers = await numbersIn(pipe.store);
    t.equal(numbers.filter((n) => n % 100 === 0).length, 60, "no event was dropped");
    t.ok(numbers.length < 3_000, `${numbers.length} of 6000 fit`);
    const accounts = await accountStreams(pipe.store, new Map([[DEVICE, outbox]]), [DEVICE]);
    for (const { produced, received, declared, missing } of accounts) {
      t.match({ missing, settled: received + declared }, { missing: 0, settled: produced });
    }
  },
);
