/** A broker that keeps the director's answers back, and a device whose own clock is of no use. */
import type { AttackCase, Outcome, Stage } from "../attack.ts";
import { required, type Attacker } from "../attacker.ts";

/** The device starts under the attacker's eyes, hears the newest deployment again, and no answer to its nonce. */
const unanswered = (attack: string, environment: () => Readonly<Record<string, string>>): AttackCase => ({
  attack,
  power: "broker",
  outcome: "deployment-unfresh",
  hasDowntime: true,
  attempt: (attacker: Attacker) => attacker.sendDesired(required("a deployment", attacker.heard().at(-1))),
  play: async (stage, attempt) => {
    await stage.cutPower();
    stage.honest.silent = true;
    await stage.powerUp(environment());
    await stage.version();
    await attempt();
    const seen = await stage.refusal();
    return (await stage.status()).fresh ? "no effect" : seen;
  },
});

/** The same clock, but the director is heard: its answer makes good whatever the clock says. */
const healed = (attack: string, shiftMs: () => number): AttackCase => ({
  attack,
  power: "broker",
  outcome: "recovers",
  hasDowntime: true,
  attempt: (attacker: Attacker) => attacker.sendDesired(required("a deployment", attacker.heard().at(-1))),
  play: async (stage, attempt): Promise<Outcome> => {
    await stage.cutPower();
    await stage.powerUp(clock(shiftMs()));
    await attempt();
    await stage.until("it is fresh", ({ fresh }) => fresh);
    await installs(stage);
    return "recovers";
  },
});

const TWENTY_YEARS_MS = 20 * 365 * 86_400_000;

export const TIME_ATTACKS: readonly AttackCase[] = [
  unanswered("the nonce unanswered, an earlier answer replayed", () => ({})),
  unanswered("the clock at 1970, and the nonce unanswered", () => clock(60_000 - Date.now())),
  healed("the clock at 1970, healed by the nonce", () => 60_000 - Date.now()),
  healed("the clock twenty years ahead, healed by the nonce", () => TWENTY_YEARS_MS),
];

function clock(shiftMs: number): Readonly<Record<string, string>> {
  const preload = new URL("../shifted-clock.ts", import.meta.url).href;
  return { NODE_OPTIONS: `--import=${preload}`, FERRY_TEST_CLOCK_SHIFT_MS: String(shiftMs) };
}

async function installs({ deploy, spoils, until }: Stage): Promise<void> {
  await deploy([spoils.next]);
  await until("it installs", ({ slots }) => slots[0]?.active?.version === "1.1.0");
}
