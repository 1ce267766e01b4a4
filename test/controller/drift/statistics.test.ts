import { readFileSync } from "node:fs";
import t from "tap";
import { chiSquareAbove, chiSquareQuantile } from "../../../controller/drift/chi-square.ts";
import { believed } from "../../../controller/drift/multiple-tests.ts";
import {
  chiSquare,
  jensenShannon,
  kolmogorovSmirnov,
  populationStability,
  wasserstein,
} from "../../../controller/drift/statistics.ts";

interface Fixture {
  readonly cases: readonly (Readonly<Record<string, number>> & {
    readonly name: string;
    readonly at: readonly number[];
    readonly reference: readonly number[];
    readonly current: readonly number[];
  })[];
  readonly chi2: readonly {
    readonly p: number | null;
    readonly degrees: number;
    readonly x: number;
    readonly above: number;
  }[];
  readonly benjaminiHochberg: { readonly pValues: readonly number[]; readonly rate: number; readonly rejected: number };
}

/** Computed by SciPy: see statistics.py beside it. */
const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/drift/statistics.json", import.meta.url), "utf8"),
) as Fixture;

function close(actual: number, expected: number | undefined): boolean {
  const wanted = expected ?? NaN;
  return Math.abs(actual - wanted) <= 1e-9 + 1e-7 * Math.abs(wanted);
}

for (const one of fixture.cases) {
  t.test(`every statistic is what SciPy computes: ${one.name}`, async (t) => {
    const ks = kolmogorovSmirnov(one);
    const tested = chiSquare(one);
    for (const [name, actual] of Object.entries({
      psi: populationStability(one),
      jensenShannon: jensenShannon(one),
      chiSquare: tested.statistic,
      chiSquareP: tested.pValue,
      ks: ks.statistic,
      ksP: ks.pValue,
      wasserstein: wasserstein(one),
    })) {
      t.ok(close(actual, one[name]), `${name}: ${actual}, SciPy ${one[name]}`);
    }
  });
}

t.test("χ² is what SciPy computes, from both ends", async (t) => {
  for (const { p, degrees, x, above } of fixture.chi2) {
    t.ok(close(chiSquareAbove(x, degrees), above), `above ${x}, ${degrees} degrees`);
    if (p !== null) t.ok(close(chiSquareQuantile(p, degrees), x), `quantile ${p}, ${degrees} degrees`);
  }
  t.same([chiSquareAbove(-1, 3), chiSquareAbove(1, 0), chiSquareQuantile(0.5, 0)], [1, 1, 0]);
});

t.test("the worked example of Benjamini and Hochberg rejects four of fifteen", async (t) => {
  const { pValues, rate, rejected } = fixture.benjaminiHochberg;
  t.equal(believed(pValues, rate).filter(Boolean).length, rejected);
  t.same(believed([], 0.05), []);
  t.same(believed([0.5, 0.001], 0.01), [false, true]);
});
