/**
 * A process that appends numbered records to an outbox as fast as it can, and says after each turn of its event loop
 * which number the outbox has taken in. Arguments: the outbox's file, the first number.
 */
import { setImmediate as turn } from "node:timers/promises";
import { openOutbox } from "../../agent/telemetry/outbox.ts";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";

/** Ends the process if nobody kills it. */
const ROUNDS_MAX = 100_000;

const [path = "", first = "0"] = process.argv.slice(2);
const outbox = openOutbox(path, { clock: systemClock, log: openLog("producer", "warn") });
let n = Number(first);
for (let round = 0; round < ROUNDS_MAX; round += 1) {
  for (let count = 1 + (round % 7); count > 0; count -= 1) outbox.append("health", { n: (n += 1) });
  await turn();
  outbox.flush();
  process.stdout.write(`${n}\n`);
}
