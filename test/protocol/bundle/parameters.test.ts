import t from "tap";
import { numberOf, parameterMistake, parametersInForce } from "../../../protocol/bundle/parameters.ts";

const parameters = { threshold: { default: 0.5, min: 0.1, max: 0.9 }, most: { default: 10, min: 1, max: 100 } };

t.test("what nobody has set has its default", async (t) => {
  t.same(parametersInForce(parameters, { most: 5 }), { threshold: 0.5, most: 5 });
  t.same(parametersInForce(undefined, undefined), {});
});

t.test("a step takes its number as it stands, or that of the parameter", async (t) => {
  t.equal(numberOf(0.25, {}), 0.25);
  t.equal(numberOf({ $param: "most" }, { most: 7 }), 7);
});

const mistakes: readonly { readonly values: Record<string, number>; readonly says: string | undefined }[] = [
  { values: { threshold: 0.1, most: 100 }, says: undefined },
  { values: { threshold: 0.05 }, says: "threshold is 0.05, allowed are 0.1 to 0.9" },
  { values: { threshold: Number.NaN }, says: "threshold is NaN, allowed are 0.1 to 0.9" },
  { values: { treshold: 0.5 }, says: 'there is no parameter "treshold"; it has threshold, most' },
  { values: { constructor: 1 }, says: 'there is no parameter "constructor"; it has threshold, most' },
];
for (const { values, says } of mistakes) {
  t.test(`${JSON.stringify(values)}: ${says ?? "allowed"}`, async (t) => {
    t.equal(parameterMistake(parameters, values), says);
    if (says !== undefined) t.throws(() => parametersInForce(parameters, values));
  });
}

t.test("a model without parameters says so", async (t) =>
  t.equal(parameterMistake(undefined, { a: 1 }), 'there is no parameter "a"; the model has none'),
);
