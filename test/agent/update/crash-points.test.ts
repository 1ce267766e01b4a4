import { join } from "node:path";
import t from "tap";
import { makeReleases, runCrashRound } from "../../support/crash-points.ts";

/** A round takes about half a second; `scripts/crash-points` runs hundreds. */
const ROUNDS = Number(process.env["FERRY_CRASH_ROUNDS"] ?? "12");
const FIRST_SEED = Number(process.env["FERRY_CRASH_SEED"] ?? "1");

t.setTimeout(60_000 + ROUNDS * 10_000);

t.test(
  "a device that loses its power at any write answers in every slot what was wished together, and converges",
  async (t) => {
    const base = t.testdir();
    const releases = await makeReleases(t);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed += 1) {
      await runCrashRound(join(base, `seed-${String(seed)}`), releases, seed);
      t.pass(`seed ${String(seed)}`);
    }
  },
);
