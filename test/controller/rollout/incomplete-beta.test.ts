import t from "tap";
import { logBetaAbove } from "../../../controller/rollout/incomplete-beta.ts";

// As scipy 1.17 computes them (scipy.stats.beta.logsf).
const cases = [
  { x: 0.3, a: 0.5, b: 0.5, log: -0.4604654539158711 },
  { x: 0.4, a: 2, b: 5, log: -1.4555158301618438 },
  { x: 0.012, a: 60, b: 5_940, log: -2.718561568111545 },
  { x: 0.0125, a: 1_200.5, b: 98_000.25, log: -2.0697938865878265 },
  { x: 0.1667, a: 1e6, b: 5e6, log: -0.8838233098050273 },
  { x: 2e-5, a: 3, b: 1e5, log: -0.39057808784057046 },
  { x: 0.99, a: 0.6, b: 59.4, log: -275.5771263884139 },
  { x: 0.5, a: 400, b: 100, log: 0 },
];
for (const { x, a, b, log } of cases) {
  t.test(`the share of Beta(${a}, ${b}) above ${x}`, async (t) => {
    t.ok(Math.abs(logBetaAbove(x, a, b) - log) < 1e-8 * Math.max(1, Math.abs(log)));
  });
}
