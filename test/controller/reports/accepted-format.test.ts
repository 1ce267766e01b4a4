import t from "tap";
import { acceptedFormat } from "../../../controller/reports/accepted-format.ts";

const cases = [
  { accept: undefined, format: "html", why: "nothing was said" },
  { accept: "*/*", format: "html", why: "curl takes anything" },
  { accept: "text/markdown", format: "md", why: "it is named" },
  { accept: "text/csv;q=0.5, application/json", format: "json", why: "the greater quality wins" },
  { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", format: "html", why: "a browser asks" },
  { accept: "text/*", format: "html", why: "any text will do" },
  { accept: "text/html;q=0, */*", format: "text", why: "all but HTML" },
  { accept: "TEXT/CSV", format: "csv", why: "media types have no case" },
  { accept: "image/png", format: undefined, why: "no report is a picture" },
  { accept: "text/csv;q=nonsense", format: undefined, why: "an odd quality is none" },
] as const;

for (const { accept, format, why } of cases) {
  t.test(`${String(format)} for ${String(accept)}: ${why}`, async (t) => {
    t.equal(acceptedFormat(accept, "html"), format);
  });
}
