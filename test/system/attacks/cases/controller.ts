/** Whoever has the director's key signs deployments as it likes; models it cannot sign. */
import type { ModelName } from "../../../../protocol/ids.ts";
import { BUNDLE_BYTES_MAX } from "../../../../protocol/limits.ts";
import { sha256 } from "../../../../protocol/trust/digest.ts";
import type { AttackCase } from "../attack.ts";

const controller = (one: Omit<AttackCase, "power">): AttackCase => ({ power: "controller", ...one });

const OTHER_SLOT = "second" as ModelName;

export const CONTROLLER_ATTACKS: readonly AttackCase[] = [
  controller({
    attack: "another content under the same number",
    outcome: "deployment-equivocation",
    attempt: (attacker) => attacker.deploy([], { seq: attacker.newest().deployment.seq }),
  }),
  controller({
    attack: "an expired deployment",
    outcome: "deployment-expired",
    attempt: (attacker) => attacker.deploy([], { issued: isoIn(-60_000), expires: isoIn(-1_000) }),
  }),
  controller({
    attack: "a deployment from the future",
    outcome: "deployment-unfresh",
    attempt: (attacker) => attacker.deploy([], { issued: isoIn(86_400_000), expires: isoIn(2 * 86_400_000) }),
  }),
  controller({
    attack: "one slot twice in a deployment",
    outcome: "deployment-malformed",
    attempt: async (attacker) => {
      const slot = await attacker.slotOf(attacker.bundle("next"));
      await attacker.deploy([slot, slot]);
    },
  }),
  controller({
    attack: "a mix: a sound model in one slot, one that is refused in another",
    outcome: "slot-mate",
    attempt: async (attacker) => {
      const sound = await attacker.slotOf(attacker.bundle("next"));
      const refused = await attacker.slotOf(attacker.bundle("for other hardware"), { slot: OTHER_SLOT });
      await attacker.deploy([sound, refused]);
    },
  }),
  controller({
    attack: "a bundle larger than any may be",
    outcome: "deployment-malformed",
    attempt: async (attacker) => {
      const slot = await attacker.slotOf(attacker.bundle("next"));
      await attacker.deploy([{ ...slot, archive: { ...slot.archive, length: BUNDLE_BYTES_MAX + 1 } }]);
    },
  }),
  controller({
    attack: "another archive than the deployment names",
    outcome: "archive-digest",
    attempt: async (attacker) => {
      const slot = await attacker.slotOf(attacker.bundle("next"));
      const renamed = attacker.broker.alias(slot.archive, sha256("another"));
      await attacker.deploy([{ ...slot, archive: renamed }]);
    },
  }),
  controller({
    attack: "another signed model under this deployment",
    outcome: "bundle-wrong-model",
    attempt: async (attacker) => {
      const archive = await attacker.serve(attacker.bundle("other model").files);
      await attacker.deployBundle(attacker.bundle("next"), { archive });
    },
  }),
  controller({
    attack: "a signed model in the slot of another",
    outcome: "bundle-wrong-model",
    attempt: (attacker) => {
      const { model, version } = attacker.bundle("next").slot;
      return attacker.deployBundle(attacker.bundle("other model"), { slot: model, model, version });
    },
  }),
  controller({
    attack: "a model below the rollback index",
    outcome: "bundle-rollback-index",
    attempt: (attacker) => attacker.deployBundle(attacker.bundle("below the rollback index")),
  }),
  controller({
    attack: "a model for other hardware",
    outcome: "bundle-incompatible",
    attempt: (attacker) => attacker.deployBundle(attacker.bundle("for other hardware")),
  }),
  controller({
    attack: "a model for a newer agent",
    outcome: "bundle-agent-too-old",
    attempt: (attacker) => attacker.deployBundle(attacker.bundle("for a newer agent")),
  }),
  controller({
    attack: "a parameter that the model's publisher did not declare",
    outcome: "bundle-parameters",
    attempt: (attacker) => attacker.deployBundle(attacker.bundle("next"), { params: { threshold: 0 } }),
  }),
  controller({
    attack: "a signed model whose weights lie outside its folder",
    outcome: "model-load",
    attempt: (attacker) => attacker.deployBundle(attacker.bundle("escaping data")),
  }),
];

function isoIn(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}
