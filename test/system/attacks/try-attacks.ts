import type { Test } from "tap";
import type { AttackCase } from "./attack.ts";
import { openStage } from "./stage.ts";

/** One after the other against one device: each ends as it must, and no request to the running model fails meanwhile. */
export async function tryAttacks(t: Test, attacks: readonly AttackCase[]): Promise<void> {
  const stage = await openStage(t.testdir());
  t.teardown(() => stage[Symbol.asyncDispose]());
  for (const attack of attacks) {
    await t.test(`${attack.power}: ${attack.attack}`, async (t) => {
      const seen = await stage.run(attack);
      t.equal(seen.outcome, attack.outcome, seen.message);
      if (attack.hasDowntime === undefined) t.strictSame(seen.failures, [], "every request was answered meanwhile");
    });
  }
}
