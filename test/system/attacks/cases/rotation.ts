/** A stolen director key is a nuisance until the owners replace it, and nothing afterwards. */
import type { AttackCase } from "../attack.ts";

export const ROTATION_ATTACKS: readonly AttackCase[] = [
  {
    attack: "the number driven to its end, then the director's key replaced",
    power: "controller",
    outcome: "recovers",
    attempt: async (attacker) => {
      const { slots } = attacker.newest().deployment;
      await attacker.deploy(slots, { seq: Number.MAX_SAFE_INTEGER });
    },
    play: async ({ honest, spoils, until, deploy }, attempt) => {
      await attempt();
      await until("the number is at its end", ({ seq }) => seq === Number.MAX_SAFE_INTEGER);
      const [next] = spoils.laterRoots;
      if (next === undefined) throw new Error("there is no next root");
      honest.rotate(spoils.owners.nextDirector, next.version);
      await honest.publishRoot(next);
      await until(
        "the new director is believed",
        ({ rootVersion, fresh, seq }) => rootVersion === 2 && fresh && seq < 10,
      );
      await deploy([spoils.next]);
      await until("it installs again", ({ slots }) => slots[0]?.active?.version === "1.1.0");
      return "recovers";
    },
  },
  {
    attack: "the director's old key after it was replaced",
    power: "controller",
    outcome: "deployment-signature",
    attempt: (attacker) => attacker.deploy([]),
  },
  {
    attack: "the next root withheld",
    power: "broker",
    outcome: "deployment-root-unknown",
    attempt: (attacker) => {
      attacker.broker.meddle = (topic, payload) => (topic.includes("/root/") ? undefined : payload);
    },
    play: async ({ deploy, spoils, refusal }, attempt) => {
      await attempt();
      await deploy([spoils.base], { rootVersion: 3 });
      return refusal();
    },
  },
];
