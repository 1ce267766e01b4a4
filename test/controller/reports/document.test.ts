import t from "tap";
import { ReportDocument, tablesOf } from "../../../controller/reports/document.ts";
import { gate } from "../../../protocol/schema.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

t.test("a report with one of everything passes its schema", async (t) => {
  t.same(gate("report", ReportDocument)(JSON.parse(JSON.stringify(EVERYTHING))), EVERYTHING);
});

t.test("tables are found with their sections", async (t) => {
  t.same(
    tablesOf(EVERYTHING).map(({ section, table }) => `${section}: ${table.title}`),
    ["Inference: Requests", "Inference: Truth"],
  );
});
