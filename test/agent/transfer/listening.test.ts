import t from "tap";
import { Listening } from "../../../agent/transfer/listening.ts";
import { ALL_DEVICES, type TransferId } from "../../../protocol/ids.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";

const transfer = "0123456789abcdef" as TransferId;
const archive = { sha256: sha256("archive"), length: 1_000_000, chunkList: sha256("list") };
const offer = { transfer, group: ALL_DEVICES, archive, lane: "broadcast" as const, sentinels: [], through: 0 };
const frame = (sequence: number, sentAtMs: number, groupDelayMs = 0) => ({
  transfer,
  of: "archive" as const,
  index: 0,
  sequence,
  groupDelayMs,
  sentAtMs,
});

t.test("a piece counts as passed only a while after a later one has come", async (t) => {
  const listening = new Listening(offer, "topic", false, 0);
  listening.hearFrame(frame(1, 0), 7, 10);
  t.match({ reached: listening.reached, settled: listening.settled }, { reached: 8, settled: 0 });
  listening.look(300);
  t.equal(listening.settled, 0);
  listening.look(600);
  t.equal(listening.settled, 8);
});

t.test("the offer that tells the end of the pass makes every gap a loss at once", async (t) => {
  const listening = new Listening(offer, "topic", false, 0);
  listening.hearOffer({ ...offer, through: 17 }, false);
  t.equal(listening.settled, 17);
});

t.test("the difference of the clocks does not count as delay", async (t) => {
  const listening = new Listening(offer, "topic", true, 0);
  listening.hearFrame(frame(1, 1_000_000), 0, 50);
  listening.hearFrame(frame(2, 1_000_100), 1, 190);
  t.same(listening.acknowledge(), { lane: "broadcast", transfer, sequence: 2, queueDelayMs: 40 });
  t.equal(listening.acknowledge().queueDelayMs, 0, "told once");
});

t.test("leaves when it lags behind the group", async (t) => {
  const listening = new Listening(offer, "topic", false, 0);
  listening.hearFrame(frame(1, 0), 0, 0);
  listening.hearFrame(frame(2, 100, 500), 1, 3_000);
  t.notOk(listening.shouldLeave(3_000), "the group waits too");
  listening.hearFrame(frame(3, 200, 0), 2, 3_000);
  t.ok(listening.lags && listening.shouldLeave(3_000));
});

t.test("leaves when the broadcast is silent, or said to be over", async (t) => {
  const silent = new Listening(offer, "topic", false, 0);
  t.notOk(silent.shouldLeave(3_000));
  t.ok(silent.shouldLeave(3_001));
  const over = new Listening(offer, "topic", false, 0);
  over.hearOffer({ ...offer, lane: "pull" }, false);
  t.ok(over.shouldLeave(1));
  t.notOk(over.lags);
});
