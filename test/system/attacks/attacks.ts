/** The attacks that are tried, in the order in which one device meets them. */
import type { AttackCase } from "./attack.ts";
import { BROKER_ATTACKS } from "./cases/broker.ts";
import { BUNDLE_ATTACKS } from "./cases/bundles.ts";
import { CONTROLLER_ATTACKS } from "./cases/controller.ts";
import { DISK_ATTACKS } from "./cases/disk.ts";
import { NETWORK_ATTACKS } from "./cases/network.ts";
import { PUBLISHER_ATTACKS } from "./cases/publisher-minus-one.ts";
import { ROOT_ATTACKS } from "./cases/roots.ts";
import { ROTATION_ATTACKS } from "./cases/rotation.ts";
import { TIME_ATTACKS } from "./cases/time.ts";

/** On bundles, and on the way that they take. */
export const BUNDLE_SIDE_ATTACKS: readonly AttackCase[] = [
  ...CONTROLLER_ATTACKS,
  ...BUNDLE_ATTACKS,
  ...PUBLISHER_ATTACKS,
  ...NETWORK_ATTACKS,
  ...DISK_ATTACKS,
];

/** On the documents that say what to run, and on what vouches for them. */
export const DOCUMENT_SIDE_ATTACKS: readonly AttackCase[] = [
  ...BROKER_ATTACKS,
  ...ROOT_ATTACKS,
  ...TIME_ATTACKS,
  // Last: from here on another director signs.
  ...ROTATION_ATTACKS,
];

export const ATTACKS: readonly AttackCase[] = [...BUNDLE_SIDE_ATTACKS, ...DOCUMENT_SIDE_ATTACKS];
