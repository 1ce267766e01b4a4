import t from "tap";
import { RANK, rankOf } from "../../../agent/telemetry/rank.ts";

t.test("what says which model ran goes after what can be done without, and declared gaps never", async (t) => {
  t.equal(rankOf("health", { cpuPercent: 3 }), RANK.measurement);
  t.equal(rankOf("inference", { slot: "digits" }), RANK.measurement);
  t.equal(rankOf("event", { event: "runner-crashed" }), RANK.event);
  t.equal(rankOf("event", { event: "of another version" }), RANK.event);
  t.equal(rankOf("event", { event: "swapped" }), RANK.evidence);
  t.equal(rankOf("gap", { cause: "disk" }), RANK.gap);
});
