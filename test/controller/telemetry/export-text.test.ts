import t from "tap";
import type { ExportedRecord } from "../../../controller/telemetry/export-records.ts";
import { csv, jsonLines } from "../../../controller/telemetry/export-text.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { STREAM } from "../../support/stored-telemetry.ts";

const of = { device: "d1" as DeviceId, stream: STREAM, spanMs: 0, records: 1 };
const RECORDS: readonly ExportedRecord[] = [
  { ...of, atMs: 0, kind: "health", seq: 0, fields: { cpuPercent: 1.5, isThrottled: true } },
  { ...of, atMs: 1_000, kind: "event", seq: 1, fields: { text: 'said "no",\nand went', formula: "=1+1" } },
  { ...of, atMs: 0, kind: "health", spanMs: 60_000, records: 2, fields: { cpuPercent: -2 } },
];

async function* records(): AsyncGenerator<ExportedRecord> {
  for (const one of RECORDS) yield await Promise.resolve(one);
}

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const part of parts) text += part;
  return text;
}

t.test("CSV has a column for each field, quotes what needs it, and nothing that a spreadsheet would run", async (t) => {
  t.equal(
    await textOf(csv(records)),
    [
      "device,at,spanSeconds,kind,stream,seq,records,cpuPercent,formula,isThrottled,text",
      `d1,1970-01-01T00:00:00.000Z,0,health,${STREAM},0,1,1.5,,true,`,
      `d1,1970-01-01T00:00:01.000Z,0,event,${STREAM},1,1,,'=1+1,,"said ""no"",\nand went"`,
      `d1,1970-01-01T00:00:00.000Z,60,health,${STREAM},,2,-2,,,`,
      "",
    ].join("\n"),
  );
});

t.test("JSON lines are one document a line", async (t) => {
  const lines = (await textOf(jsonLines(records()))).trimEnd().split("\n");
  t.equal(lines.length, 3);
  t.same(JSON.parse(lines[0] ?? ""), { at: "1970-01-01T00:00:00.000Z", ...RECORDS[0] });
});
