import t from "tap";
import { readFileSync } from "node:fs";
import { wilson } from "../../../controller/accuracy/wilson.ts";

interface Reference {
  readonly cases: readonly {
    readonly hits: number;
    readonly trials: number;
    readonly low: number;
    readonly high: number;
  }[];
}

const file = new URL("../../fixtures/accuracy/wilson.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as Reference;

for (const { hits, trials, low, high } of cases) {
  t.test(`${hits} of ${trials}: the interval is SciPy's`, async (t) => {
    const said = wilson(hits, trials);
    t.match(said, { share: hits / trials, of: trials });
    t.ok(Math.abs(Number(said?.low) - low) < 1e-12, `${said?.low} and ${low}`);
    t.ok(Math.abs(Number(said?.high) - high) < 1e-12, `${said?.high} and ${high}`);
  });
}

t.test("of nothing nothing is said", async (t) => {
  t.equal(wilson(0, 0), undefined);
});
