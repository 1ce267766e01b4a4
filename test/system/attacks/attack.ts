/** What an attack is, and the stage on which it is tried. */
import type { AgentStatus } from "../../../agent/status.ts";
import type { Deployment } from "../../../protocol/trust/deployment.ts";
import type { RefusalCode } from "../../../protocol/trust/refusal.ts";
import type { ForgedBundle } from "../../support/forged-bundle.ts";
import type { Environment } from "../../support/programs.ts";
import type { Attacker } from "./attacker.ts";
import type { HonestController } from "./honest-controller.ts";
import type { Spoils } from "./spoils.ts";

/** What is in the attacker's hands. `broker` and `network` hold no key at all; who holds keys also owns the broker. */
export type Power = "network" | "broker" | "controller" | "publisher-minus-one" | "disk";

/**
 * What the device says and does: a refusal by its code; or, where nothing is refused, that the attack changes nothing
 * (`no effect`), that the device waits with its old model (`waits`), that it comes through (`recovers`), or that the
 * controller did not believe a report (`report refused`).
 */
export type Outcome = RefusalCode | "no effect" | "waits" | "recovers" | "report refused";

export interface AttackCase {
  readonly attack: string;
  readonly power: Power;
  readonly outcome: Outcome;
  /** Runs in the attacker's process, with what its power gives it. */
  readonly attempt: (attacker: Attacker) => Promise<void> | void;
  /** What happens around the attempt, as seen from outside; absent: nothing else, and the device is watched. */
  readonly play?: (stage: Stage, attempt: () => Promise<void>) => Promise<Outcome>;
  /** The device itself is down for a while: only then may a request go unanswered. */
  readonly hasDowntime?: true;
}

export interface Seen {
  readonly outcome: Outcome;
  /** What the device said about it. */
  readonly message: string;
  /** Requests that were answered meanwhile, each by the model that stood before. */
  readonly answered: number;
  /** What each request that was not answered said. */
  readonly failures: readonly string[];
}

export interface Stage extends AsyncDisposable {
  readonly run: (attack: AttackCase) => Promise<Seen>;
  readonly honest: HonestController;
  readonly spoils: Spoils;
  readonly folder: string;
  readonly status: () => Promise<AgentStatus>;
  readonly pid: () => number;
  /** Waits for the first refusal that the device tells: of the document, else of the slot. */
  readonly refusal: (of?: "slot") => Promise<Outcome>;
  readonly until: (what: string, wanted: (status: AgentStatus) => boolean) => Promise<AgentStatus>;
  /** Whether everything that was sent to the device so far has been read by it. */
  readonly fence: () => Promise<void>;
  /** The honest director wishes these bundles, all served. */
  readonly deploy: (bundles: readonly ForgedBundle[], changes?: Partial<Deployment>) => Promise<void>;
  readonly relent: () => Promise<void>;
  /** Power off and on again. */
  readonly cutPower: () => Promise<void>;
  readonly powerUp: (environment?: Environment) => Promise<void>;
  /** The version that answers, once one does. */
  readonly version: () => Promise<string>;
}
