/** Tries every attack of test/system/attacks, and prints what became of each. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttackCase, Seen } from "../test/system/attacks/attack.ts";
import { ATTACKS } from "../test/system/attacks/attacks.ts";
import { openStage } from "../test/system/attacks/stage.ts";

const wanted = process.argv[2] ?? "";
const chosen = ATTACKS.filter(({ attack, power }) => `${power}: ${attack}`.includes(wanted));
const widths = { power: 19, attack: Math.max(...ATTACKS.map(({ attack }) => attack.length)), outcome: 24 };

function row(power: string, attack: string, expected: string, seen: string): string {
  return [power.padEnd(widths.power), attack.padEnd(widths.attack), expected.padEnd(widths.outcome), seen].join("  ");
}

function isHeld(attack: AttackCase, { outcome, failures }: Seen): boolean {
  return outcome === attack.outcome && (attack.hasDowntime === true || failures.length === 0);
}

const folder = mkdtempSync(join(tmpdir(), "modelferry-attacks-"));
let held = 0;
try {
  await using stage = await openStage(folder);
  console.log(row("POWER", "ATTACK", "OUTCOME EXPECTED", "OUTCOME SEEN"));
  for (const attack of chosen) {
    const seen = await stage.run(attack);
    const isSound = isHeld(attack, seen);
    if (isSound) held += 1;
    const unanswered =
      seen.failures.length === 0 || attack.hasDowntime === true
        ? ""
        : ` (${String(seen.failures.length)} requests failed)`;
    console.log(
      row(
        attack.power,
        attack.attack,
        attack.outcome,
        isSound ? seen.outcome : `${seen.outcome}${unanswered} <-- ${seen.message}`,
      ),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${String(held)} of ${String(chosen.length)} attacks ended as they must`);
process.exitCode = held === chosen.length ? 0 : 1;
