import t from "tap";
import { planSends } from "../../../controller/transfer/plan.ts";
import { enoughForAll, steer } from "../../../controller/transfer/steer.ts";
import {
  applySend,
  hear,
  newTransferState,
  RECIPIENT_SILENT_MS,
  type TransferState,
} from "../../../controller/transfer/transfer-state.ts";
import type { TransferId } from "../../../protocol/ids.ts";
import {
  broadcastWant,
  device,
  pullWant,
  TEN_CHUNKS_BYTES,
  TEN_CHUNKS_PIECES,
  widen,
} from "../../support/transfer-wants.ts";

const ID = "00000000000000ff" as TransferId;
const newId = () => ID;
const names = (count: number) => Array.from({ length: count }, (_, at) => `cam-${at}`);

function asked(count: number): TransferState {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  for (const name of names(count)) hear(state, device(name), pullWant([0]), 0);
  return state;
}

/** Listeners of a broadcast whose first pass is over, at 200 ms. */
function repairing(count: number): TransferState {
  const state = asked(count);
  steer(state, 100, newId);
  for (const name of names(count)) hear(state, device(name), broadcastWant(ID), 150);
  steer(state, 160, newId);
  widen(state);
  for (const send of planSends(state, 100, 160)) applySend(state, send);
  steer(state, 200, newId);
  return state;
}

t.test("one device alone gets no broadcast", async (t) => {
  const state = asked(1);
  t.equal(steer(state, 1_000, newId), undefined);
  t.equal(state.broadcast, undefined);
});

t.test("two devices get one as soon as the first has waited for others", async (t) => {
  const state = asked(2);
  t.equal(steer(state, 50, newId), undefined);
  t.match(steer(state, 76, newId), { transfer: ID, sentinels: new Set(["cam-0", "cam-1"]), through: 0 });
});

t.test("devices that lagged are not invited", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  for (const name of names(3)) hear(state, device(name), pullWant([0], { joins: false }), 0);
  t.equal(steer(state, 1_000, newId), undefined);
});

t.test("the broadcast begins when all invited listen", async (t) => {
  const state = asked(2);
  steer(state, 100, newId);
  hear(state, device("cam-0"), broadcastWant(ID), 110);
  steer(state, 120, newId);
  t.equal(state.broadcast?.phase, "gathering");
  hear(state, device("cam-1"), broadcastWant(ID), 130);
  steer(state, 140, newId);
  t.equal(state.broadcast?.phase, "sending");
});

t.test("it begins without those who take too long, and is given up when nobody comes", async (t) => {
  const late = asked(2);
  steer(late, 100, newId);
  hear(late, device("cam-0"), broadcastWant(ID), 110);
  steer(late, 601, newId);
  t.equal(late.broadcast?.phase, "sending");
  const nobody = asked(2);
  steer(nobody, 100, newId);
  t.same(planSends(nobody, 16, 200), [], "the invited are not served meanwhile");
  steer(nobody, 2_101, newId);
  t.equal(nobody.broadcast, undefined);
  t.equal(planSends(nobody, 16, 2_101).length, 2, "but then, each by itself");
});

t.test("who comes later is invited to what runs, at most twice a second", async (t) => {
  const state = asked(2);
  steer(state, 100, newId);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID), 150);
  steer(state, 160, newId);
  hear(state, device("late"), pullWant([0]), 200);
  t.equal(steer(state, 300, newId), undefined);
  t.match(steer(state, 650, newId), { transfer: ID });
  t.equal(steer(state, 1_300, newId), undefined, "once is enough");
});

t.test("all are told when everything has been sent once", async (t) => {
  const state = asked(2);
  steer(state, 100, newId);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID), 150);
  steer(state, 160, newId);
  widen(state);
  for (const send of planSends(state, 100, 160)) applySend(state, send);
  t.match(steer(state, 200, newId), { transfer: ID, through: TEN_CHUNKS_PIECES });
});

const thresholds = [
  { listeners: 2, enough: 2, why: "never for one alone" },
  { listeners: 40, enough: 2, why: "5 %" },
  { listeners: 100, enough: 3, why: "3 devices" },
  { listeners: 5_000, enough: 3, why: "3 devices" },
];
for (const { listeners, enough, why } of thresholds) {
  t.test(`of ${listeners} listeners, ${enough} have a piece broadcast again: ${why}`, async (t) =>
    t.equal(enoughForAll(listeners), enough),
  );
}

t.test("a piece that three lost is broadcast again, another goes to the one that lost it", async (t) => {
  const state = repairing(100);
  for (const name of names(3)) hear(state, device(name), broadcastWant(ID, { missing: [4] }), 300);
  hear(state, device("cam-50"), broadcastWant(ID, { missing: [4, 7] }), 310);
  steer(state, 320, newId);
  t.same(planSends(state, 16, 320), [], "losses are collected for a moment");
  steer(state, 380, newId);
  t.same(planSends(state, 16, 380), [
    { kind: "broadcast", piece: 4, isAgain: true },
    { kind: "unicast", device: "cam-50", piece: 7 },
  ]);
});

t.test("a device that vanished is forgotten, with all that it wanted", async (t) => {
  const state = asked(2);
  hear(state, device("cam-1"), pullWant([1]), 5_000);
  steer(state, RECIPIENT_SILENT_MS + 1, newId);
  t.same([...state.recipients.keys()], ["cam-1"]);
  t.same([...state.asking], ["cam-1"]);
});

t.test("a broadcast to which nobody listens any more is over", async (t) => {
  const state = repairing(2);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID, { lacking: 0 }), 300);
  steer(state, 400, newId);
  t.equal(state.broadcast, undefined);
  t.equal(state.done, 2);
});

t.test("a frozen sentinel is not waited for", async (t) => {
  const state = asked(3);
  steer(state, 100, newId);
  for (const name of names(3)) hear(state, device(name), broadcastWant(ID), 150);
  steer(state, 160, newId);
  const { broadcast } = state;
  if (broadcast === undefined) throw new Error("no broadcast");
  widen(state);
  for (const send of planSends(state, 6, 160)) applySend(state, send);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID, { sequence: 6 }), 200);
  t.equal(broadcast.base, 0, "at first it might only be late");
  steer(state, 1_200, newId);
  t.equal(broadcast.base, 6);
});

t.test("when nothing is acknowledged, what is on its way counts as lost and half as much follows", async (t) => {
  const state = asked(2);
  steer(state, 100, newId);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID), 150);
  steer(state, 160, newId);
  const { broadcast } = state;
  if (broadcast === undefined) throw new Error("no broadcast");
  broadcast.pace = { ...broadcast.pace, window: 8 };
  for (const send of planSends(state, 100, 160)) applySend(state, send);
  for (const name of names(2)) hear(state, device(name), broadcastWant(ID, { sequence: 0, queueDelayMs: 200 }), 1_100);
  steer(state, 1_200, newId);
  t.match({ base: broadcast.base, window: broadcast.pace.window }, { base: 8, window: 4 });
});

t.test("another broadcast follows only after a while, and only for those who lack much", async (t) => {
  const large = newTransferState(100 * TEN_CHUNKS_BYTES);
  for (const name of names(2)) hear(large, device(name), pullWant([0], { lacking: 900 }), 0);
  steer(large, 100, newId);
  steer(large, 2_101, newId);
  t.equal(large.broadcast, undefined, "nobody joined the first");
  for (const name of names(2)) hear(large, device(name), pullWant([0], { lacking: 900 }), 4_000);
  t.equal(steer(large, 4_500, newId), undefined, "too soon");
  for (const name of names(2)) hear(large, device(name), pullWant([0], { lacking: 15 }), 5_000);
  t.equal(steer(large, 6_000, newId), undefined, "too little");
  for (const name of names(2)) hear(large, device(name), pullWant([0], { lacking: 16 }), 6_100);
  t.match(steer(large, 6_200, newId), { transfer: ID });
});
