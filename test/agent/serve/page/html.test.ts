import t from "tap";
import { html } from "../../../../agent/serve/page/html.ts";

t.test("what comes from outside is text, in elements and in attributes", async (t) => {
  const hostile = `"><script>alert('x')</script>&`;
  t.equal(
    html`<p title="${hostile}">${hostile}</p>`.text,
    '<p title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">' +
      "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</p>",
  );
});

t.test("parts of pages go into others as they are, several in a row, or none", async (t) => {
  const items = [1, 2].map((one) => html`<b>${one}</b>`);
  t.equal(html`<i>${items}${undefined}</i>`.text, "<i><b>1</b><b>2</b></i>");
});
