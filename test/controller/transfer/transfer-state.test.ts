import t from "tap";
import { hear, newTransferState, RECIPIENTS_MAX } from "../../../controller/transfer/transfer-state.ts";
import type { TransferId } from "../../../protocol/ids.ts";
import { MISSING_MAX } from "../../../protocol/messages/transfer-want.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { broadcastWant, device, pullWant, TEN_CHUNKS_BYTES } from "../../support/transfer-wants.ts";

t.test("a want says all: a controller that has just started serves it", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([4, 5]), 0);
  t.same([...(state.recipients.get(device("cam-1"))?.ready ?? [])], [4, 5]);
});

t.test("a listener of a broadcast that this controller does not know is served by itself", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), broadcastWant("00000000000000cc" as TransferId, { missing: [2] }), 0);
  t.match(state.recipients.get(device("cam-1")), { lane: "pull", joins: false, ready: new Set([2]) });
});

t.test("a new fetch of a device replaces what its former one wanted", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([1, 2]), 0);
  hear(state, device("cam-1"), { ...pullWant([7]), request: "00000000000000dd" as TransferId }, 10);
  t.same([...(state.recipients.get(device("cam-1"))?.ready ?? [])], [7]);
});

t.test("what one device can have waiting is bounded", async (t) => {
  const state = newTransferState(200 * CHUNK_BYTES);
  for (let from = 0; from < 200; from += 20) {
    hear(state, device("cam-1"), pullWant(Array.from({ length: 20 }, (_, at) => from + at)), 0);
  }
  t.equal(state.recipients.get(device("cam-1"))?.ready.size, MISSING_MAX);
});

t.test("so is the number of devices", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  for (let at = 0; at <= RECIPIENTS_MAX; at += 1) hear(state, device(`cam-${at}`), pullWant([0]), 0);
  t.equal(state.recipients.size, RECIPIENTS_MAX);
});

t.test("a device that has everything is done, once", async (t) => {
  const state = newTransferState(TEN_CHUNKS_BYTES);
  hear(state, device("cam-1"), pullWant([0]), 0);
  for (let at = 0; at < 2; at += 1) hear(state, device("cam-1"), pullWant([], { lacking: 0 }), 10);
  t.match(
    { done: state.done, recipients: state.recipients.size, asking: state.asking.size },
    { done: 1, recipients: 0, asking: 0 },
  );
});
