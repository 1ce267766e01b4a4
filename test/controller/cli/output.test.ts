import t from "tap";
import { parseFormat, table, width, type Column } from "../../../controller/cli/output.ts";

interface Row {
  readonly name: string;
  readonly count: number;
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", text: ({ name }) => name },
  { title: "COUNT", text: ({ count }) => String(count), align: "right" },
  { title: "SECRET", text: () => "wide only", wide: true },
];

// eslint-disable-next-line no-control-regex -- the colour codes of terminals begin with ESC
const COLOUR = /\u001b\[\d+m/g;
const lines = (rows: readonly Row[], wide = false) => table({ rows, columns }, wide).replaceAll(COLOUR, "").split("\n");

t.test("columns are as wide as their widest cell, numbers end together", async (t) => {
  const rows = [
    { name: "cam-1", count: 5 },
    { name: "cam-with-a-long-name", count: 12_345 },
  ];
  t.same(lines(rows), ["NAME                  COUNT", "cam-1                     5", "cam-with-a-long-name  12345"]);
});

t.test("wide shows the columns that a table leaves out", async (t) => {
  t.match(lines([{ name: "a", count: 1 }], true)[1], /wide only$/);
});

t.test("a cell stays one line, and colours take no room", async (t) => {
  t.equal(lines([{ name: "two\n  lines", count: 1 }])[1]?.startsWith("two lines"), true);
  t.equal(width("\u001b[31mred\u001b[39m"), 3);
});

t.test("a format that does not exist is refused with those that do", async (t) => {
  t.throws(() => parseFormat("xml"), { code: "usage", hint: /table, wide, json, jsonl, csv, yaml, name/ });
});
