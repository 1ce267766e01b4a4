import t from "tap";
import { openAlertBook } from "../../../controller/alerts/alert-book.ts";
import { DEFAULT_RULES } from "../../../controller/alerts/default-rules.ts";
import { NOTHING_ELSE, openStore } from "../../../controller/store/store.ts";
import { alertFiring } from "../../support/alerts.ts";
import { NOW_MS } from "../../support/device-views.ts";

t.test("what is in the book is there again after a start", async (t) => {
  const path = `${t.testdir()}/controller.db`;
  {
    await using opened = await openStore(path);
    const book = await openAlertBook(opened.store);
    await book.replace([alertFiring("cam-1"), alertFiring("cam-2")]);
    await book.replace([alertFiring("cam-2")]);
    await book.setRules(
      DEFAULT_RULES.slice(0, 1).map((rule) => ({ ...rule, threshold: 60 })),
      NOW_MS,
      NOTHING_ELSE,
    );
    const matchers = [{ label: "device", isEqual: true, value: "cam-2" }];
    await book.addSilence(
      { matchers, untilMs: NOW_MS + 1, by: "ada", comment: "cable", createdMs: NOW_MS },
      NOTHING_ELSE,
    );
  }
  await using opened = await openStore(path);
  const book = await openAlertBook(opened.store);
  t.same([...book.alerts().values()], [alertFiring("cam-2")]);
  t.match(book.silences(), [{ by: "ada", comment: "cable" }]);
  t.match(
    book.rules().rules.find(({ rule }) => rule.name === "device-offline"),
    { isDefault: false, rule: { threshold: 60 } },
  );
  t.equal(book.rules().rules.length, DEFAULT_RULES.length);
  await book.deleteRule("device-offline", NOTHING_ELSE);
  t.match(
    book.rules().rules.find(({ rule }) => rule.name === "device-offline"),
    { isDefault: true, rule: { threshold: 900 } },
  );
  await t.rejects(book.deleteRule("device-offline", NOTHING_ELSE), { code: "not-found", hint: /enabled: false/ });
  await book.endSilence(1, NOTHING_ELSE);
  await t.rejects(book.endSilence(1, NOTHING_ELSE), { code: "not-found" });
});

t.test("a rule that cannot be read is named, and all others go on", async (t) => {
  await using opened = await openStore(`${t.testdir()}/controller.db`);
  await opened.store
    .insertInto("alert_rules")
    .values({ name: "odd", rule_json: '{"name":"odd"}', changed_ms: 0 })
    .execute();
  const { rules, broken } = (await openAlertBook(opened.store)).rules();
  t.match(broken, [{ name: "odd", why: /./ }]);
  t.equal(rules.length, DEFAULT_RULES.length);
});
