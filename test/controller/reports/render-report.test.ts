import t from "tap";
import {
  MEDIA_TYPES,
  renderReport,
  reportFileName,
  REPORT_FORMATS,
} from "../../../controller/reports/render-report.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

t.test("every format has a text, a media type and a name that sorts by time", async (t) => {
  for (const format of REPORT_FORMATS) {
    t.ok(renderReport(EVERYTHING, format).length > 300);
    t.match(MEDIA_TYPES[format], "charset=utf-8");
    t.match(reportFileName(EVERYTHING, format), /^fleet-2026-11-21T12-00\.(txt|html|md|csv|json)$/);
  }
});

t.test("JSON is the report itself, with its version", async (t) => {
  t.same(JSON.parse(renderReport(EVERYTHING, "json")), EVERYTHING);
  t.equal(EVERYTHING.documentVersion, 1);
});
