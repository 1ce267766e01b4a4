/** A process that rolls up as fast as it can, to be killed. Argument: the controller's database. Says each slice, and "done". */
import { openStore } from "../../controller/store/store.ts";
import { minutesToHours } from "../../controller/telemetry/coarsen.ts";
import { cutoffsAt, retentionOf } from "../../controller/telemetry/retention.ts";
import { FROM_THE_START, rollUpRecords } from "../../controller/telemetry/roll-up-records.ts";

/** Small, so that a kill hits the middle of something. */
const SLICE_ROWS = 20;

const [path = "", nowMs = "0"] = process.argv.slice(2);
const { store } = await openStore(path);
const cutoffs = cutoffsAt(Number(nowMs), retentionOf());
let cursor = FROM_THE_START;
for (let isFull = true; isFull;) {
  const slice = await rollUpRecords(store, cursor, { cutoffs, limit: SLICE_ROWS });
  ({ cursor, isFull } = slice);
  await minutesToHours(store, cutoffs, SLICE_ROWS);
  process.stdout.write(`${slice.rolled}\n`);
}
process.stdout.write("done\n");
