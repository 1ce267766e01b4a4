import t from "tap";
import { SendBudget } from "../../../controller/transfer/send-budget.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";

t.test("without a rate there is no limit", async (t) => t.equal(new SendBudget(undefined).framesFree(0), Infinity));

t.test("sends as many frames as the rate allows, and no more after a pause", async (t) => {
  const budget = new SendBudget(20 * CHUNK_BYTES);
  let sent = 0;
  const sendAll = (nowMs: number) => {
    while (budget.framesFree(nowMs) >= 1) {
      budget.take();
      sent += 1;
    }
  };
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) sendAll(nowMs);
  t.ok(Math.abs(sent - 200) <= 6, `${sent} frames in 10 s at 20 a second`);
  sent = 0;
  sendAll(60_000);
  t.ok(sent <= 6, `${sent} frames at once after a minute`);
});
