/** A real agent with the metered profile, in which an hour is as long as the bench says. Arguments: its folder, the hour in ms. */
import { openLog } from "../../common/log.ts";
import { runAgent } from "../../agent/agent.ts";
import { agentFolder } from "../../agent/config.ts";

const [directory = "", hourMs = ""] = process.argv.slice(2);
const stopping = new AbortController();
process.once("disconnect", () => {
  stopping.abort();
});
// Every second: cron knows nothing shorter, and a record of the hour is as large with 15 samples as with 120.
const pace = { hourMs: Number(hourMs), sampleSchedule: "* * * * * *" };
await runAgent({ folder: agentFolder(directory), pace, log: openLog("idle", "fatal") }, stopping.signal);
