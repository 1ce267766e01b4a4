import t from "tap";
import { escapeHtml } from "../../../controller/reports/escape-html.ts";

t.test("every sign that means something to a browser is written as an entity", async (t) => {
  t.equal(escapeHtml(`<a href='x' id="y">&amp;`), "&lt;a href=&#39;x&#39; id=&quot;y&quot;&gt;&amp;amp;");
});
