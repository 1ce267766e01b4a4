import { mkdirSync } from "node:fs";
import t from "tap";
import { runFleetChaos } from "../support/chaos/run-fleet-chaos.ts";

/** `scripts/chaos` asks for others. */
const first = Number(process.env["FERRY_CHAOS_SEED"] ?? 1);
const seeds = Number(process.env["FERRY_CHAOS_SEEDS"] ?? 1);
const seconds = process.env["FERRY_CHAOS_SECONDS"];
const chaosMs = Number(seconds ?? 3) * 1_000;
/** A fleet of one that serves nothing starts soon enough for every run of the tests. */
const fleet = seconds === undefined ? { devices: 1, isServing: false } : { devices: 2, isServing: true };

t.setTimeout(seeds * (chaosMs + 180_000));

for (let seed = first; seed < first + seeds; seed += 1) {
  t.test(`whichever program is killed, every number is received or declared (seed ${String(seed)})`, async (t) => {
    const directory = `${t.testdir({})}/${String(seed)}`;
    mkdirSync(directory);
    const outcome = await runFleetChaos({ seed, chaosMs, directory, ...fleet });
    const { actions, doubled, starts, asked, accounts, held, miscounted, stored, totalled } = outcome;
    t.comment(`${actions.join(", ")}; ${String(doubled)} batches said twice`);
    for (const { device, stream, received, declared, outstanding, missing, produced, isLossUnknown } of accounts) {
      t.match({ missing, isLossUnknown }, { missing: 0, isLossUnknown: false }, `${device}, stream ${stream}`);
      t.equal(received + declared + outstanding, produced);
    }
    for (const { device, stream, produced, acked } of held) {
      const account = accounts.find((one) => one.device === device && one.stream === stream);
      t.equal(account?.produced, produced, `${device} gave ${String(produced)} numbers away, and no one else did`);
      t.ok(produced - (account?.outstanding ?? 0) >= acked, "what was acknowledged is there");
    }
    t.equal(miscounted, 0, "the rows are as many as were counted");
    for (const [device, { records, starts: told, requests, lost }] of stored) {
      const [started, questions] = [starts.get(device) ?? 0, asked.get(device) ?? 0];
      t.comment(
        `${device}: ${String(records)} records, ${String(lost)} lost, ${String(requests)} of ${String(questions)}`,
      );
      t.ok(
        told <= started && told >= started - lost,
        `${String(told)} of ${String(started)} starts are told, none twice`,
      );
      t.ok(
        requests <= questions && (requests > 0 || chaosMs < 60_000),
        `${String(requests)} of ${String(questions)} requests are told, none twice`,
      );
    }
    const counted = [...stored.values()].reduce((sum, { requests }) => sum + requests, 0);
    t.equal(totalled, counted, "the totals of the fleet hold what the records hold");
  });
}
