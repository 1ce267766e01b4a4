import t from "tap";
import { renderMarkdown } from "../../../controller/reports/render-markdown.ts";
import { EVERYTHING } from "../../support/report-documents.ts";

const markdown = renderMarkdown(EVERYTHING);

t.test("what devices said is text, in a paragraph and in a table", async (t) => {
  t.notMatch(markdown, "<script");
  t.match(markdown, String.raw`a \| pipe`);
  t.match(markdown, "`ferry status`", "a command stays one");
});

t.test("a table has its header, alignment and as many cells in each line", async (t) => {
  const lines = markdown.split("\n");
  const head = lines.indexOf("| Model | p95 | Why |");
  t.equal(lines[head + 1], "| --- | --: | --- |");
  t.equal(lines[head + 2], "| digits@1.0.0 | 8.0 ms | @SUM(A1) |");
  t.match(markdown, "… and 3 more.");
  t.match(markdown, "No truth came.");
});

t.test("a chart is told in words", async (t) => {
  t.match(markdown, "**Latency**: p95 rose from 2 ms to 8 ms.");
});

t.test("findings come with what to do next", async (t) => {
  t.match(markdown, /1\. \*\*critical\*\*: cam-2 fails.*\(cam-2\) {2}\n {3}→ See `ferry device show cam-2`\./);
});
