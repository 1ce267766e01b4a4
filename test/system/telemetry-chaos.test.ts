import { mkdirSync } from "node:fs";
import t from "tap";
import { runChaos } from "../support/chaos/run-chaos.ts";

/** `scripts/chaos` asks for others. */
const first = Number(process.env["FERRY_CHAOS_SEED"] ?? 1);
const seeds = Number(process.env["FERRY_CHAOS_SEEDS"] ?? 1);
const chaosMs = Number(process.env["FERRY_CHAOS_SECONDS"] ?? 12) * 1_000;

t.setTimeout(seeds * (chaosMs + 120_000));

for (let seed = first; seed < first + seeds; seed += 1) {
  t.test(`whatever breaks, every number is received or declared, and none twice (seed ${seed})`, async (t) => {
    const directory = `${t.testdir({})}/${String(seed)}`;
    mkdirSync(directory);
    const outcome = await runChaos({ seed, chaosMs, directory });
    const { actions, accounts, device, taken, appended, measurements, lost, twice, miscounted } = outcome;
    t.comment(`${String(taken)} records; ${actions.join(", ")}`);
    for (const { stream, produced, received, declared, outstanding, missing, isLossUnknown } of accounts) {
      t.match({ outstanding, missing, isLossUnknown }, { outstanding: 0, missing: 0, isLossUnknown: false }, stream);
      t.equal(received + declared, produced);
    }
    t.equal(accounts.find(({ stream }) => stream === device.stream)?.produced, device.produced);
    t.same(twice, [], "nothing twice");
    t.equal(miscounted, 0, "the rows are as many as were counted");
    const settled = measurements + lost;
    t.ok(
      settled >= taken && settled <= appended,
      `${taken} ≤ ${settled} ≤ ${appended}: each is in a record or declared lost`,
    );
  });
}
