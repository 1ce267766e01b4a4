import t from "tap";
import { COALESCE_MS, planSends } from "../../../controller/transfer/plan.ts";
import { steer } from "../../../controller/transfer/steer.ts";
import {
  applySend,
  hear,
  newTransferState,
  type Send,
  type TransferState,
} from "../../../controller/transfer/transfer-state.ts";
import type { TransferId } from "../../../protocol/ids.ts";
import { ChunkBitmap } from "../../../protocol/transfer/chunk-bitmap.ts";
import {
  broadcastWant,
  device,
  pullWant,
  TEN_CHUNKS_BYTES,
  TEN_CHUNKS_PIECES,
  widen,
} from "../../support/transfer-wants.ts";

const ID = "00000000000000ff" as TransferId;
const LATER = COALESCE_MS + 1;

/** "b3" is piece 3 to all, "b3!" the same again, "cam-1:3" piece 3 to one. */
function brief(sends: readonly Send[]): string[] {
  return sends.map((send) =>
    send.kind === "broadcast" ? `b${send.piece}${send.isAgain ? "!" : ""}` : `${send.device}:${send.piece}`,
  );
}

/** Two devices or more that listen to a broadcast which has begun. */
function broadcasting(names: readonly string[], held?: Uint8Array): TransferState {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  for (const name of names) hear(state, device(name), pullWant([0, 1]), 0);
  steer(state, LATER, () => ID);
  for (const name of names) hear(state, device(name), broadcastWant(ID, held === undefined ? {} : { held }), LATER);
  steer(state, LATER + 1, () => ID);
  widen(state);
  return state;
}

t.test("a first request waits a moment for others, then gets what it names", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([0, 1]), 0);
  t.same(brief(planSends(state, 16, 10)), []);
  t.same(brief(planSends(state, 16, LATER)), ["cam-1:0", "cam-1:1"]);
});

t.test("a device that joins no broadcast need not wait", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([3], { joins: false }), 0);
  t.same(brief(planSends(state, 16, 0)), ["cam-1:3"]);
});

t.test("devices in the pull lane take turns, whoever asked for more", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([1, 2, 3, 4], { joins: false }), 0);
  hear(state, device("cam-2"), pullWant([7, 8], { joins: false }), 0);
  t.same(brief(planSends(state, 5, 0)), ["cam-1:1", "cam-2:7", "cam-1:2", "cam-2:8", "cam-1:3"]);
  const [first] = planSends(state, 1, 0);
  if (first !== undefined) applySend(state, first);
  t.same(brief(planSends(state, 2, 0)), ["cam-2:7", "cam-1:2"], "the one served last comes last");
});

t.test("a piece that was sent is not sent again until it is asked for again", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([1], { joins: false }), 0);
  for (const send of planSends(state, 16, 0)) applySend(state, send);
  t.same(brief(planSends(state, 16, 0)), []);
  hear(state, device("cam-1"), pullWant([1], { joins: false }), 0);
  t.same(brief(planSends(state, 16, 0)), ["cam-1:1"]);
});

t.test("a broadcast sends every piece once, in order", async (t) => {
  const state = broadcasting(["cam-1", "cam-2"]);
  t.same(
    brief(planSends(state, 100, LATER)),
    Array.from({ length: TEN_CHUNKS_PIECES }, (_, piece) => `b${piece}`),
  );
});

t.test("what all listeners hold is left out", async (t) => {
  const held = new ChunkBitmap(TEN_CHUNKS_PIECES).with([0, 1, 2, 3, 4, 7, 8, 9]).toBytes();
  t.same(brief(planSends(broadcasting(["cam-1", "cam-2"], held), 100, LATER)), ["b5", "b6", "b10"]);
});

t.test("no more is on its way than the window holds", async (t) => {
  const state = broadcasting(["cam-1", "cam-2"]);
  const { broadcast } = state;
  if (broadcast === undefined) throw new Error("no broadcast");
  broadcast.pace = { ...broadcast.pace, window: 4 };
  for (const send of planSends(state, 100, LATER)) applySend(state, send);
  t.equal(broadcast.sequence, 4);
  t.same(brief(planSends(state, 100, LATER)), []);
  for (const name of ["cam-1", "cam-2"]) hear(state, device(name), broadcastWant(ID, { sequence: 3 }), LATER);
  t.same(brief(planSends(state, 100, LATER)), ["b4", "b5", "b6"]);
});

t.test("while a broadcast runs, at most 30 % of the frames go to single devices", async (t) => {
  const state = broadcasting(["cam-1", "cam-2"]);
  const { broadcast } = state;
  if (broadcast === undefined) throw new Error("no broadcast");
  broadcast.unicastAllowance = 0;
  const sent = { broadcast: 0, unicast: 0 };
  for (let turn = 0; turn < 10; turn += 1) {
    hear(state, device("cam-9"), pullWant([1, 2, 3], { joins: false }), LATER);
    for (const send of planSends(state, 1, LATER)) {
      applySend(state, send);
      sent[send.kind] += 1;
    }
  }
  t.same(sent, { broadcast: 7, unicast: 3 });
});

t.test("between two sendings of everything, single devices are not rationed", async (t) => {
  const state = broadcasting(["cam-1", "cam-2"]);
  for (const send of planSends(state, 100, LATER)) applySend(state, send);
  steer(state, LATER + 2, () => ID);
  hear(
    state,
    device("cam-9"),
    pullWant(
      Array.from({ length: 11 }, (_, piece) => piece),
      { joins: false },
    ),
    LATER,
  );
  t.equal(planSends(state, 16, LATER).length, 11);
});
