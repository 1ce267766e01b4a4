import t from "tap";
import { openOutbox } from "../../../agent/telemetry/outbox.ts";
import { exportOutbox, viewOutbox, type HeldRecord } from "../../../agent/telemetry/outbox-view.ts";
import { systemClock } from "../../../common/clock.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

t.test("what an outbox holds is read beside the agent that writes it", async (t) => {
  const path = `${t.testdir({})}/outbox.db`;
  await using outbox = openOutbox(path, { clock: systemClock, log: quietLog });
  for (let n = 0; n < 3; n += 1) outbox.append("health", { n });
  const first = outbox.stream;
  outbox.beginStream();
  outbox.append("event", { event: "swapped" });
  outbox.flush();
  const view = viewOutbox(path);
  t.match(view, {
    kinds: [
      { kind: "event", records: 2 },
      { kind: "health", records: 3, bytes: 21 },
    ],
    streams: [
      { stream: first, pending: 4 },
      { stream: outbox.stream, pending: 1 },
    ],
    rolledUp: 0,
  });
  t.ok(view.usedBytes > 0);
  const records: HeldRecord[] = [];
  exportOutbox(path, (record) => records.push(record));
  t.match(records, [
    { stream: first, seq: 0, kind: "health", fields: { n: 0 } },
    { seq: 1 },
    { seq: 2 },
    { stream: first, seq: 3, fields: { event: "stream-sealed" } },
    { stream: outbox.stream, seq: 0, kind: "event", fields: { event: "swapped" } },
  ]);
});
