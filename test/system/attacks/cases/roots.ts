/** Roots are public and come from the broker: each must follow from the one before, signed by its owners. */
import { DOCUMENT_BYTES_MAX } from "../../../../protocol/limits.ts";
import type { AttackCase } from "../attack.ts";

const root = (attack: string): AttackCase => ({
  attack,
  power: "broker",
  outcome: "root-refused",
  attempt: (attacker) => attacker.sendRoot(2, attacker.document(attack)),
});

export const ROOT_ATTACKS: readonly AttackCase[] = [
  root("a stranger's root"),
  root("a root by one owner of two"),
  root("a root that skips a version"),
  root("a root that its own owners did not sign"),
  root("a root with a threshold that cannot be met"),
  root("a root whose expiry is no date"),
  root("a root with a key under another id"),
  root("a root that trusts the online key with bundles"),
  {
    attack: "a deployment in the place of a root",
    power: "broker",
    outcome: "root-refused",
    attempt: (attacker) => attacker.sendRoot(2, attacker.newest().bytes),
  },
  {
    attack: "a root of more bytes than any has",
    power: "broker",
    outcome: "root-refused",
    attempt: (attacker) => attacker.sendRoot(2, Buffer.alloc(DOCUMENT_BYTES_MAX + 1, " ")),
  },
];
