import t from "tap";
import {
  countCell,
  grouped,
  instantCell,
  latencyCell,
  shareCell,
  spanText,
  textCell,
} from "../../../controller/reports/cells.ts";
import { NOW_MS } from "../../support/device-views.ts";

t.test("a cell has text for a person and a value for a spreadsheet", async (t) => {
  t.same(countCell(12_345), { text: "12\u202f345", value: 12_345 });
  t.same(shareCell(0.1234, "warning"), { text: "12.3 %", value: 0.1234, tone: "warning" });
  t.same(latencyCell(1.23456789), { text: "1.23 ms", value: 1.23457 });
  t.same(latencyCell(undefined), { text: "–", value: "" });
  t.same(instantCell(NOW_MS), { text: "2026-11-21 12:00:00" });
  t.same(instantCell(undefined), { text: "–", value: "" });
  t.same(textCell("a"), { text: "a" });
});

t.test("thousands are set apart, and only they", async (t) => {
  t.same([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1\u202f000", "1\u202f234\u202f567"]);
});

t.test("times are in the largest unit that still says something", async (t) => {
  t.same([5_000, 119_000, 600_000, 7_200_000, 86_400_000, 604_800_000].map(spanText), [
    "5 s",
    "119 s",
    "10 min",
    "2 h",
    "24 h",
    "7 d",
  ]);
});
