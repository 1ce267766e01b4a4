import t from "tap";
import { renderHtml } from "../../../controller/reports/render-html.ts";
import { EVERYTHING, SCRIPT } from "../../support/report-documents.ts";

const html = renderHtml(EVERYTHING);

t.test("what devices said is text, never markup", async (t) => {
  t.notMatch(html, /<script/i);
  t.match(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;");
  t.match(html, "<h1>Fleet &lt;oslo&gt; &amp; &quot;friends&quot;</h1>");
  t.notOk(html.includes(SCRIPT));
});

t.test("the file needs nothing else, and may run nothing", async (t) => {
  t.notMatch(html, /\b(src|href)=|@import|url\(/);
  t.match(html, /Content-Security-Policy" content="default-src 'none'/);
});

t.test("everything is found by those who do not see it", async (t) => {
  t.match(html, '<html lang="en">');
  t.equal(html.match(/<h1>/g)?.length, 1);
  t.match(html, '<th scope="col" role="columnheader"');
  t.match(html, '<th scope="row" role="rowheader">');
  t.match(html, "<caption>Requests</caption>");
  for (const [, id = ""] of html.matchAll(/aria-labelledby="([^" ]+)/g)) t.match(html, `<title id="${id}">`);
  t.match(html, '<p class="alt">p95 rose from 2 ms to 8 ms.</p>', "a chart is told in words besides");
  t.match(html, /<b>Act now<\/b>/, "the verdict's colour is said in words");
});

t.test("ids are unique, so that each chart is named by its own title", async (t) => {
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  t.equal(new Set(ids).size, ids.length);
  t.equal(ids.length, 16, "title and description of four charts, wide and narrow");
});

t.test("commands stand out, rows that were left out are counted, and an empty table says why", async (t) => {
  t.match(html, "<code>ferry device show cam-2</code>");
  t.match(html, "… and 3 more.");
  t.match(html, "No truth came.");
});

t.test("it is made for both colour schemes, for paper, and for a telephone", async (t) => {
  for (const media of ["prefers-color-scheme:dark", "@media print", "max-width:640px"]) t.match(html, media);
  t.match(html, 'data-title="p95"', "a cell names its column where the row is a card");
});

t.test("a report without findings says that there is nothing to do", async (t) => {
  t.match(renderHtml({ ...EVERYTHING, findings: [] }), "Nothing: no finding needs a person.");
});
