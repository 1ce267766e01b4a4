/** The next root as its owners wish it, and what is refused before anybody signs it. Pure. */
import { FerryError } from "../../common/ferry-error.ts";
import type { PublicKey } from "../../protocol/trust/keys.ts";
import type { NewRoot, Role, RoleName, TrustRoot } from "../../protocol/trust/root.ts";

export const ROLE_NAMES: readonly RoleName[] = ["owner", "publisher", "director"];

/** Keys in one role: far more than any threshold needs; devices look at 16 signatures of a document. */
export const ROLE_KEYS_MAX = 16;

/** The version after `root`, with the same roles; a draft that is changed again keeps its version. */
export function successorOf(root: TrustRoot, expires: Date): NewRoot {
  return { version: root.version + 1, expires, roles: root.roles };
}

export function withKey(root: NewRoot, name: RoleName, key: PublicKey, threshold?: number): NewRoot {
  const { keys, threshold: former } = root.roles[name];
  if (holds(keys, key)) {
    throw new FerryError("root-duplicate-key", `The ${name} role has the key ${short(key)} already`, {
      hint: "`ferry root show` lists the keys of each role.",
    });
  }
  return withRole(root, name, { keys: [...keys, key], threshold: threshold ?? former });
}

export function withoutKey(root: NewRoot, name: RoleName, key: PublicKey, threshold?: number): NewRoot {
  const { keys, threshold: former } = root.roles[name];
  requireHeld(keys, name, key);
  if (keys.length === 1) {
    throw new FerryError("root-last-key", `${short(key)} is the last key of the ${name} role`, {
      hint: `Exchange it instead: ferry root rotate ${name} --new NEW.pub.pem`,
    });
  }
  const left = keys.filter((other) => other.fingerprint !== key.fingerprint);
  return withRole(root, name, { keys: left, threshold: threshold ?? former });
}

export interface Exchange {
  readonly former: PublicKey;
  readonly next: PublicKey;
}

export function withExchangedKey(root: NewRoot, name: RoleName, { former, next }: Exchange): NewRoot {
  const { keys, threshold } = root.roles[name];
  requireHeld(keys, name, former);
  if (holds(keys, next)) {
    throw new FerryError("root-duplicate-key", `The ${name} role has the key ${short(next)} already`, {
      hint: `To have one fewer: ferry root remove-key ${name} ${former.fingerprint.slice(0, 16)}`,
    });
  }
  const exchanged = keys.map((key) => (key.fingerprint === former.fingerprint ? next : key));
  return withRole(root, name, { keys: exchanged, threshold });
}

/** What a device would refuse, or what would lock the owners out, is refused here with what to do. */
export function requireSound(root: NewRoot, nowMs: number): void {
  if (!(root.expires.getTime() > nowMs)) {
    throw new FerryError("root-expired", `The root would expire at ${root.expires.toISOString()}, which has passed`, {
      hint: "Give a time to come: --expires 365d.",
    });
  }
  for (const name of ROLE_NAMES) requireSoundRole(name, root.roles[name]);
  const offline = [...root.roles.owner.keys, ...root.roles.publisher.keys];
  const online = root.roles.director.keys.find((key) => holds(offline, key));
  if (online !== undefined) {
    throw new FerryError("root-online-key", `The director key ${short(online)} would also stand in an offline role`, {
      hint: "Make a key of its own for it: ferry root new-key FILE. The director's key is online, so it may sign nothing else.",
    });
  }
}

function requireSoundRole(name: RoleName, { keys, threshold }: Role): void {
  const distinct = new Set(keys.map(({ fingerprint }) => fingerprint)).size;
  if (distinct < keys.length) {
    throw new FerryError("root-duplicate-key", `The ${name} role would have one key twice`, {
      hint: "Give each key once: it counts once, however often it stands there.",
    });
  }
  if (keys.length > ROLE_KEYS_MAX) {
    throw new FerryError("root-too-many-keys", `The ${name} role would have ${keys.length} keys`, {
      hint: `At most ${ROLE_KEYS_MAX} are allowed.`,
    });
  }
  // The director is one program with one key: a second signature would have to come from elsewhere.
  const most = name === "director" ? 1 : keys.length;
  if (Number.isInteger(threshold) && threshold >= 1 && threshold <= most && keys.length > 0) return;
  throw new FerryError(
    "root-threshold",
    name === "director" && keys.length > 0
      ? `The director role would need ${threshold} signatures; the controller has one key`
      : `The ${name} role would need ${threshold} signatures and have ${keys.length} keys`,
    { hint: `Choose a number from 1 to ${most}; with --threshold in the same command where a key comes or goes.` },
  );
}

function requireHeld(keys: readonly PublicKey[], name: RoleName, key: PublicKey): void {
  if (holds(keys, key)) return;
  throw new FerryError("root-no-such-key", `The ${name} role does not have the key ${short(key)}`, {
    hint: "`ferry root show` lists the keys of each role.",
  });
}

function holds(keys: readonly PublicKey[], key: PublicKey): boolean {
  return keys.some(({ fingerprint }) => fingerprint === key.fingerprint);
}

function withRole(root: NewRoot, name: RoleName, role: Role): NewRoot {
  return { ...root, roles: { ...root.roles, [name]: role } };
}

/** As much of a fingerprint as a person compares. */
function short({ fingerprint }: PublicKey): string {
  return `${fingerprint.slice(0, 16)}…`;
}
