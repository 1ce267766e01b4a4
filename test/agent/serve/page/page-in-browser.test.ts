/** The agent's pages as a person meets them: in a real browser, with a picture to try, and held to WCAG by axe-core. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import t from "tap";
import { CHROMIUM, openPage } from "../../../support/browser.ts";
import { digitPicture } from "../../../support/digit-picture.ts";
import { readDigits } from "../../../support/digits.ts";
import { pictureDigits } from "../../../support/model-folders.ts";
import { png } from "../../../support/pictures.ts";
import { openServingAgent } from "../../../support/serving-agent.ts";
import { until } from "../../../support/until.ts";

/** What is wrong, where: empty where axe-core finds nothing. */
function violations({ violations: found }: AxeResults): string[] {
  return found.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id} (${help}): ${target.join(" ")}`));
}

t.test("pages in a browser", { skip: CHROMIUM === undefined && "Chromium is not installed" }, async (t) => {
  const chromium = CHROMIUM ?? "";
  await using agent = await openServingAgent();
  await agent.serve(pictureDigits());
  const [digit] = readDigits();
  const folder = t.testdir({ front: {}, docs: {} });
  const file = join(folder, "digit.png");
  writeFileSync(file, png(digitPicture(digit?.pixels ?? [])));

  await t.test("a picture that is chosen is answered on the page", async (t) => {
    await using page = await openPage(chromium, agent.url, join(folder, "front"));
    await page.chooseFile("input[type=file]", file);
    const answer = await until("the answer is shown", async () => {
      const text = String(await page.evaluate("document.querySelector('form[data-predict] pre').textContent"));
      return text.startsWith("200 in ") && text;
    });
    t.match(answer, new RegExp(`"label": "${digit?.label ?? ""}"`));
    if (process.env["SCREENSHOT"] !== undefined) writeFileSync(process.env["SCREENSHOT"], await page.screenshot());
    await page.evaluate(axe.source);
    t.same(violations((await page.evaluate("axe.run()")) as AxeResults), []);
  });

  await t.test("the guide to a model can be read by everybody", async (t) => {
    await using page = await openPage(chromium, `${agent.url}/v2/models/digits/docs`, join(folder, "docs"));
    await page.evaluate(axe.source);
    t.same(violations((await page.evaluate("axe.run()")) as AxeResults), []);
  });
});
