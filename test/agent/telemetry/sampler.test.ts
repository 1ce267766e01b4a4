import t from "tap";
import { runSampler } from "../../../agent/telemetry/sampler.ts";
import { within } from "../../../agent/telemetry/health-probes.ts";
import { systemClock } from "../../../common/clock.ts";
import type { RecordFields, RecordKind } from "../../../protocol/messages/telemetry-batch.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";
import { until } from "../../support/until.ts";

t.test("health is sampled at once and then on schedule, until it is told to stop", async (t) => {
  const records: { kind: RecordKind; fields: RecordFields }[] = [];
  const outbox = { append: (kind: RecordKind, fields: RecordFields) => void records.push({ kind, fields }) };
  const stopping = new AbortController();
  const ports = {
    outbox,
    clock: systemClock,
    log: quietLog,
    directory: ".",
    figures: () => ({ runnersRssBytes: 5_000_000, linkRoundTripMs: undefined }),
  };
  const running = runSampler({ ...ports, schedule: "* * * * * *" }, stopping.signal);
  await until("three samples", () => records.length >= 3);
  stopping.abort();
  await running;
  const fields = records.at(-1)?.fields ?? {};
  const present = [
    "memoryTotalBytes",
    "memoryAvailableBytes",
    "diskFreeBytes",
    "load1",
    "uptimeSeconds",
    "agentRssBytes",
  ];
  for (const name of [...present, "cpuPercent", "loopDelayP99Ms"]) t.type(fields[name], "number", name);
  t.equal(fields["runnersRssBytes"], 5_000_000);
  t.notOk("linkRoundTripMs" in fields, "what is not known is left out");
  t.ok(records.every(({ kind }) => kind === "health"));
});

t.test("a schedule that is none is refused in words", async (t) => {
  const ports = { outbox: { append: () => undefined }, clock: systemClock, log: quietLog, directory: "." };
  await t.rejects(runSampler({ ...ports, schedule: "every now and then" }, new AbortController().signal), {
    code: "bad-config",
    message: '"every now and then" is not a schedule',
  });
});

t.test("a probe that hangs is left out, and is not asked again before it answers", async (t) => {
  let calls = 0;
  let answer: (fields: RecordFields) => void = () => undefined;
  const impatient = { ...systemClock, sleep: () => systemClock.sleep(5) };
  const probe = within(impatient, quietLog, "bus", () => {
    calls += 1;
    return new Promise((resolve) => (answer = resolve));
  });
  t.same(await probe(), {});
  t.same(await probe(), {});
  t.equal(calls, 1);
  answer({ late: 1 });
  await systemClock.sleep(1);
  const second = probe();
  answer({ temperatureCelsius: 40 });
  t.same(await second, { temperatureCelsius: 40 });
});

t.test("a probe that fails leaves its fields out", async (t) => {
  const probe = within(systemClock, quietLog, "bus", () => Promise.reject(new Error("no such sensor")));
  t.same(await probe(), {});
});
