import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import t from "tap";
import { openOutbox } from "../../agent/telemetry/outbox.ts";
import { systemClock } from "../../common/clock.ts";
import { accountStreams } from "../../controller/telemetry/accounting.ts";
import { DEVICE, openPipe, quietLog } from "../support/telemetry-pipe.ts";
import { until } from "../support/until.ts";

/** In blocks of 1,024 bytes: room for the journal of some hundred records. */
const FILE_BLOCKS_MAX = 400;

t.test("a full disk stops no one, and what it took is declared when there is room again", async (t) => {
  const directory = t.testdir({});
  const path = `${directory}/outbox.db`;
  // The kernel itself refuses the writes: a limit on file sizes, which another process can lift again.
  // (Without the test runner's options: its hooks make that limit fatal, which in Node.js it is not.)
  const command = `unset NODE_OPTIONS; ulimit -S -f ${FILE_BLOCKS_MAX}; exec "$0" "$@"`;
  const child = spawn("bash", ["-c", command, process.execPath, "test/support/outbox-on-small-disk.ts", path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const append = async (count: number) => {
    child.stdin.write(`${count}\n`);
    const [line] = (await once(lines, "line")) as [string];
    return JSON.parse(line) as { appended: number; produced: number };
  };
  const full = await append(5_000);
  t.ok(full.produced < full.appended, `the disk took ${full.produced} of ${full.appended}`);
  t.equal((await append(100)).appended, 5_100, "appending goes on");
  execFileSync("prlimit", ["--pid", String(child.pid), "--fsize=unlimited"]);
  const healed = await append(10);
  t.ok(healed.produced > 5_110, "every record has a number, and so has the gap record");
  child.stdin.end();
  await once(child, "exit");

  await using outbox = openOutbox(path, { clock: systemClock, log: quietLog });
  await using pipe = await openPipe({ outbox, storePath: `${directory}/controller.db` });
  await until("the outbox is empty", () => outbox.lanes().length === 1 && outbox.pending === 0);
  const accounts = await accountStreams(pipe.store, new Map([[DEVICE, outbox]]), [DEVICE]);
  for (const { produced, received, declared } of accounts) t.equal(received + declared, produced);
  const rows = await pipe.store.selectFrom("telemetry").select(["kind", "fields_json"]).execute();
  const held = rows.filter((row) => row.kind === "health").length;
  const gaps = rows.flatMap((row) =>
    row.kind === "gap" ? [JSON.parse(row.fields_json) as { cause: string; count: number }] : [],
  );
  t.match(gaps, [{ cause: "disk", count: 5_110 - held }], "exactly what was not written is declared");
});
