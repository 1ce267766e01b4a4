import { stripVTControlCharacters } from "node:util";
import t from "tap";
import { bufferText, exportBuffer, readBuffer, type Buffer } from "../../../agent/cli/buffer.ts";
import { agentFolder, writeAgentConfig, checkAgentConfig } from "../../../agent/config.ts";
import { openOutbox } from "../../../agent/telemetry/outbox.ts";
import { systemClock } from "../../../common/clock.ts";
import type { StreamId } from "../../../protocol/ids.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

const HOUR_MS = 3_600_000;
const nowMs = Date.UTC(2026, 10, 28);
const stream = "a".repeat(32) as StreamId;

const empty: Buffer = {
  path: "/agent/telemetry.db",
  usedBytes: 40_960,
  capBytes: 64 * 1024 ** 2,
  kinds: [],
  streams: [{ stream, pending: 0 }],
  rolledUp: 0,
  isRunning: true,
  isConnected: true,
  data: undefined,
};
const text = (change: Partial<Buffer>) => stripVTControlCharacters(bufferText({ ...empty, ...change }, nowMs));

t.test("an empty outbox says that the controller has everything", async (t) => {
  t.equal(
    text({}),
    "outbox   /agent/telemetry.db: 41.0 kB of at most 67.1 MB\npending  nothing: the controller has everything",
  );
});

t.test("what waits is told by kind, with its age, and why it waits", async (t) => {
  const shown = text({
    kinds: [
      { kind: "gap", records: 1, bytes: 90, oldestMs: nowMs - HOUR_MS, newestMs: nowMs - HOUR_MS },
      { kind: "health", records: 120, bytes: 48_000, oldestMs: nowMs - 26 * HOUR_MS, newestMs: nowMs + HOUR_MS },
    ],
    streams: [
      { stream, pending: 900 },
      { stream, pending: 21 },
    ],
    rolledUp: 100,
    isRunning: false,
  });
  t.match(shown, /^pending +921 numbers in 2 streams .* the oldest from 1 d 2 h ago$/m);
  t.match(shown, /^health +120 +48\.0 kB +1 d 2 h ago +2026-11-28T01:00:00\.000Z$/m);
  t.match(shown, /100 records stand for several each.*\n.*--export\n.*The agent does not run/);
});

t.test("it works where no agent runs, and says what to do where none has run yet", async (t) => {
  const directory = t.testdir({});
  await t.rejects(readBuffer(directory), { code: "not-joined" });
  const folder = agentFolder(directory);
  const http = { host: "127.0.0.1", port: 0 };
  const times = { heartbeatMs: 30_000, keepAliveSeconds: 60 };
  const ids = { fleet: "f", device: "d", rootPin: "0".repeat(64) };
  const config = { formatVersion: 1, broker: "mqtt://127.0.0.1", labels: {}, http, ...ids, ...times };
  await writeAgentConfig(folder, checkAgentConfig(config));
  await t.rejects(readBuffer(directory), { code: "not-running", hint: /ferry-agent run --dir/ });
  {
    await using outbox = openOutbox(folder.telemetry, { clock: systemClock, log: quietLog });
    outbox.append("event", { event: "swapped", n: 7 });
  }
  t.match(await readBuffer(directory), { isRunning: false, kinds: [{ kind: "event", records: 1 }] });
  const lines: unknown[] = [];
  await exportBuffer(directory, (line) => lines.push(JSON.parse(line)));
  t.match(lines, [{ seq: 0, kind: "event", fields: { n: 7 } }]);
});
