import t from "tap";
import { csvFiles, renderCsv } from "../../../controller/reports/render-csv.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

const files = new Map(csvFiles(EVERYTHING).map(({ name, text }) => [name, text]));

t.test("each table with rows is a file, the findings first", async (t) => {
  t.same([...files.keys()], ["findings.csv", "requests.csv"]);
});

t.test("numbers are numbers in the unit that the title names, also below 0", async (t) => {
  const [head, first] = (files.get("requests.csv") ?? "").split("\r\n");
  t.equal(head, "\uFEFFModel,p95 (ms),Why");
  t.equal(first, "digits@1.0.0,-8.04,'@SUM(A1)");
});

t.test("what a spreadsheet would run as a formula is text", async (t) => {
  t.match(files.get("findings.csv"), /note,'=1\+1,/);
});

t.test("commas and quotation marks stay within their cell", async (t) => {
  t.match(files.get("requests.csv"), `"a,""b""",,"<script>alert(""x"")</script>"\r\n`);
});

t.test("in one file every line names its table", async (t) => {
  const lines = renderCsv(EVERYTHING).split("\r\n");
  t.equal(lines[0], "\uFEFFtable,severity,finding,devices,what to do next");
  t.ok(lines.includes("table,Model,p95 (ms),Why"));
  t.ok(lines.includes("Requests,digits@1.0.0,-8.04,'@SUM(A1)"));
});
