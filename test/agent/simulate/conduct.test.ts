import t from "tap";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { chanceOf, faultOf, parseBad } from "../../../agent/simulate/conduct.ts";

t.test("a fault is said of one version of one model", async (t) => {
  const conduct = { failRate: 0, latencyMs: 8, bad: new Map([parseBad("digits@1.1.0=errors")]) };
  const model = { name: "digits" as ModelName, version: "1.1.0" as ModelVersion };
  t.equal(faultOf(conduct, model), "errors");
  t.equal(faultOf(conduct, { ...model, version: "1.0.0" as ModelVersion }), undefined);
});

t.test("a fault that there is not, or of no version, is refused with those that there are", async (t) => {
  for (const text of ["digits@1.1.0=evil", "digits=errors", "digits@1.1.0", ""]) {
    t.throws(() => parseBad(text), { code: "usage", hint: /self-test, errors, nan, crashes, slow, disagrees/ }, text);
  }
});

t.test("chance is the same for the same seed and device, and spread over devices and seeds", async (t) => {
  t.equal(chanceOf(7, "sim-0001 a"), chanceOf(7, "sim-0001 a"));
  t.not(chanceOf(7, "sim-0001 a"), chanceOf(8, "sim-0001 a"));
  const chances = Array.from({ length: 1_000 }, (_, at) => chanceOf(1, `sim-${String(at)} a`));
  t.ok(chances.every((chance) => chance >= 0 && chance < 1));
  const low = chances.filter((chance) => chance < 0.1).length;
  t.ok(low > 60 && low < 140, `${String(low)} of 1000 below a tenth`);
});
