import t from "tap";
import type { RecordRow } from "../../../agent/telemetry/outbox-tables.ts";
import { rollUp, wholeStretches } from "../../../agent/telemetry/roll-up.ts";
import type { RecordFields, RecordKind } from "../../../protocol/messages/telemetry-batch.ts";
import { Sketch } from "../../../protocol/sketch.ts";

const MINUTE_MS = 60_000;

const row = (position: number, at_ms: number, fields: RecordFields, kind: RecordKind = "health"): RecordRow => ({
  position,
  at_ms,
  boot_ms: null,
  kind,
  fields: JSON.stringify(fields),
});

const inference = (version: string, answered: number): RecordFields => {
  const sketch = new Sketch();
  for (let n = 0; n < answered; n += 1) sketch.add(2 + n);
  return { slot: "digits", version, intervalMs: 10_000, "outcome.answered": answered, inferSketch: sketch.toText() };
};

t.test("records of a minute become one, at the number and time of the last of them", async (t) => {
  const rows = [
    row(5, 0, { cpuPercent: 10, diskFreeBytes: 7 }),
    row(6, 30_000, { cpuPercent: 30, diskFreeBytes: 7 }),
    row(7, 60_000, { cpuPercent: 50 }),
    row(8, 90_000, { cpuPercent: 70 }),
  ];
  t.match(rollUp(rows, MINUTE_MS), [
    {
      into: { position: 6, at_ms: 30_000 },
      fields: { records: 2, cpuPercent: 20, "cpuPercent.min": 10, "cpuPercent.max": 30, diskFreeBytes: 7 },
      gone: [{ position: 5, at_ms: 0 }],
    },
    { into: { position: 8 }, fields: { records: 2, cpuPercent: 60 }, gone: [{ position: 7 }] },
  ]);
});

t.test("versions stay apart, and sketches and counts add up", async (t) => {
  const rows = [
    row(1, 0, inference("1.0.0", 3), "inference"),
    row(2, 10, inference("1.1.0", 5), "inference"),
    row(3, 20, inference("1.0.0", 4), "inference"),
    row(4, 30, inference("1.1.0", 6), "inference"),
  ];
  const merged = rollUp(rows, MINUTE_MS);
  t.match(
    merged.map(({ into, fields }) => ({ ...into, ...fields })),
    [
      { position: 3, version: "1.0.0", "outcome.answered": 7, intervalMs: 20_000, records: 2 },
      { position: 4, version: "1.1.0", "outcome.answered": 11 },
    ],
  );
  t.equal(Sketch.fromText(String(merged[0]?.fields["inferSketch"])).count, 7);
});

t.test("minutes become hours with the same result as if every record had been there", async (t) => {
  const rows = Array.from({ length: 120 }, (_, n) => row(n, n * 30_000, { cpuPercent: n }));
  const minutes = rollUp(rows, MINUTE_MS).map(({ into, fields }) => row(into.position, into.at_ms, fields));
  t.equal(minutes.length, 60);
  const [fromMinutes] = rollUp(minutes, 60 * MINUTE_MS);
  const [atOnce] = rollUp(rows, 60 * MINUTE_MS);
  t.same(fromMinutes?.fields, atOnce?.fields);
  t.match(fromMinutes?.fields, { records: 120, cpuPercent: 59.5, "cpuPercent.min": 0, "cpuPercent.max": 119 });
});

t.test("events, what stands alone and what cannot be read stay as they are", async (t) => {
  const rows = [
    row(1, 0, { event: "swapped" }, "event"),
    row(2, 0, { event: "swapped" }, "event"),
    row(3, 0, { cpuPercent: 1 }),
    row(4, 0, { noSlot: true }, "inference"),
    row(5, 0, { noSlot: true }, "inference"),
  ];
  t.same(rollUp(rows, MINUTE_MS), []);
});

t.test("a stretch that may go on is left for later, unless there is no other", async (t) => {
  const rows = [0, 10, MINUTE_MS, MINUTE_MS + 10].map((atMs, position) => row(position, atMs, {}));
  t.equal(wholeStretches(rows, MINUTE_MS, true).length, 2);
  t.equal(wholeStretches(rows, MINUTE_MS, false).length, 4);
  t.equal(wholeStretches(rows, 60 * MINUTE_MS, true).length, 4);
});
