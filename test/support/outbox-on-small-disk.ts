/**
 * A process whose files may not grow: its outbox meets a disk that is full. It appends records for as long as it is
 * asked to (a line on standard input each time), and answers with what its outbox has taken in. Argument: the file.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { openOutbox } from "../../agent/telemetry/outbox.ts";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";

const [path = ""] = process.argv.slice(2);
await using outbox = openOutbox(path, { clock: systemClock, log: openLog("small-disk", "silent") });
let appended = 0;
for await (const line of createInterface({ input: process.stdin })) {
  for (let count = Number(line); count > 0; count -= 1)
    outbox.append("health", { n: appended++, text: "x".repeat(200) });
  // Longer than the outbox leaves a disk alone that refused.
  await sleep(1_100);
  outbox.flush();
  process.stdout.write(`${JSON.stringify({ appended, produced: outbox.produced })}\n`);
}
