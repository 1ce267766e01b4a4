import t from "tap";
import { logEvidenceAbove, shareAbove, shareBelow } from "../../../controller/rollout/sequential-share.ts";

const near = (is: number, expected: number, within: number) => Math.abs(is - expected) <= within;

t.test(
  "the evidence is that of the reference implementation in R (confseq: v = v_opt = 100, g = 0.2, h = 0.8)",
  async (t) => {
    // There s is hits − share·trials, and v is share·(1 − share)·trials.
    const trials = 100 / (0.2 * 0.8);
    const at = (s: number) => logEvidenceAbove(0.2, { hits: s + 0.2 * trials, trials }, 0.05, trials);
    t.ok(near(at(10), -0.07134019, 1e-7), "beta_binomial_log_mixture(10, …)");
    t.ok(near(at(28.41238), Math.log(20), 1e-5), "beta_binomial_mixture_bound(…)");
  },
);

// The likelihood ratio integrated over the mixture, by mpmath's quadrature with 25 digits.
const integrated = [
  { hits: 30, trials: 1_000, share: 0.01, log: 11.64561864656569 },
  { hits: 5, trials: 1_000, share: 0.01, log: -2.0904551501131343 },
  { hits: 600, trials: 10_000, share: 0.05, log: 8.03485122603744 },
  { hits: 3, trials: 50, share: 0.001, log: 6.694373656444163 },
  { hits: 0, trials: 300, share: 0.01, log: -1.5819011658279605 },
];
for (const { hits, trials, share, log } of integrated) {
  t.test(`${hits} of ${trials} against ${share} is the integral`, async (t) => {
    t.ok(near(logEvidenceAbove(share, { hits, trials }, 5e-4), log, 1e-7));
  });
}

/** The probability that somebody who looks after every one of so many trials ever refutes the true share: exact. */
function everRefuted(share: number, trialsMax: number, alpha: number): number {
  let alive = new Map([[0, 1]]);
  let refuted = 0;
  for (let trials = 1; trials <= trialsMax; trials += 1) {
    const next = new Map<number, number>();
    for (const [hits, probability] of alive) {
      next.set(hits, (next.get(hits) ?? 0) + probability * (1 - share));
      next.set(hits + 1, (next.get(hits + 1) ?? 0) + probability * share);
    }
    for (const [hits, probability] of next) {
      if (logEvidenceAbove(share, { hits, trials }, alpha) < -Math.log(alpha)) continue;
      refuted += probability;
      next.delete(hits);
    }
    alive = new Map([...next].filter(([, probability]) => probability > 1e-12));
  }
  return refuted;
}

for (const [share, alpha] of [
  [0.01, 0.01],
  [0.05, 0.05],
  [0.3, 0.05],
  [0.001, 0.01],
] as const) {
  t.test(
    `looking after each of 600 trials refutes a true share of ${share} with probability below ${alpha}`,
    async (t) => {
      const refuted = everRefuted(share, 600, alpha);
      t.ok(refuted > 0 && refuted <= alpha, `${refuted}`);
    },
  );
}

t.test("evidence falls as the share in question rises: what is refuted is an interval", async (t) => {
  for (const count of [
    { hits: 3, trials: 40 },
    { hits: 30, trials: 1_000 },
    { hits: 9_000, trials: 10_000 },
  ]) {
    const shares = Array.from({ length: 60 }, (_, at) => ((at + 1) / 61) * (count.hits / count.trials));
    const evidence = shares.map((share) => logEvidenceAbove(share, count, 5e-4));
    t.ok(evidence.every((log, at) => log <= (evidence[at - 1] ?? Infinity) + 1e-9));
  }
});

t.test("the bounds close in on the share as trials come", async (t) => {
  const widths = [100, 1_000, 10_000, 100_000].map((trials) => {
    const count = { hits: 0.02 * trials, trials };
    const [above, below] = [shareAbove(count, 0.01), shareBelow(count, 0.01)];
    t.ok(above < 0.02 && 0.02 < below);
    return below - above;
  });
  t.ok(widths.every((width, at) => width < (widths[at - 1] ?? 1)));
  t.ok((widths[3] ?? 1) < 0.005);
});

t.test("of nothing, nothing is known", async (t) => {
  t.equal(shareAbove({ hits: 0, trials: 0 }, 0.01), 0);
  t.equal(shareBelow({ hits: 0, trials: 0 }, 0.01), 1);
});
