/** The roots that the controller hands out, and the key that it signs with, also while its owners publish a newer root. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { acceptNextRoot, sameKeys, type TrustRoot } from "../../protocol/trust/root.ts";
import type { ControllerConfig, ControllerPaths } from "../config.ts";
import { newestOf, readRoots } from "../trust-roots.ts";
import { namesDirector, openDirectorSigner } from "./director-key.ts";

/** What the controller believes at one instant; all of it changes at once. */
export interface Trust {
  /** Every version, ascending. */
  readonly roots: readonly TrustRoot[];
  readonly first: TrustRoot;
  readonly newest: TrustRoot;
  /** A key that `newest` names as the director's. */
  readonly director: Signer;
  /** The version since which the director's keys are those of `newest`: a device behind it begins its sequence again. */
  readonly directorSince: number;
}

export interface LiveRoots {
  readonly trust: () => Trust;
  /** Why a root that lies in the folder is not in use; undefined where all of them are. */
  readonly problem: () => string | undefined;
  /** Takes over what has been published since; true where that was something. */
  readonly look: () => Promise<boolean>;
}

export interface LiveRootsOptions {
  readonly paths: ControllerPaths;
  readonly director: ControllerConfig["director"];
}

/** Throws FerryError: `root-unusable`, `wrong-director-key`, or what the key's file or command says. */
export async function openLiveRoots(options: LiveRootsOptions): Promise<LiveRoots> {
  let trust = await trustIn(options, await readRoots(options.paths));
  let problem: string | undefined;
  return {
    trust: () => trust,
    problem: () => problem,
    look: async () => {
      try {
        const added = await readFollowing(options.paths, trust.newest);
        // The key is looked for again at each call: it may be put there after the root.
        if (added.length > 0) trust = await trustIn(options, [...trust.roots, ...added], trust.director);
        problem = undefined;
        return added.length > 0;
      } catch (thrown) {
        problem = `a newer root cannot be used: ${messageOf(thrown)}`;
        return false;
      }
    },
  };
}

async function trustIn(options: LiveRootsOptions, roots: readonly TrustRoot[], present?: Signer): Promise<Trust> {
  const { first, newest } = newestOf(roots);
  // A key that stays is not opened again: nobody may be there to type its passphrase.
  const stays = present !== undefined && namesDirector(newest, present.publicKey);
  const director = stays ? present : await openDirectorSigner(options, newest);
  const others = roots.findLast(({ roles }) => !sameKeys(roles.director, newest.roles.director));
  return { roots, first, newest, director, directorSince: (others?.version ?? 0) + 1 };
}

async function readFollowing({ roots: folder }: ControllerPaths, newest: TrustRoot): Promise<readonly TrustRoot[]> {
  const added: TrustRoot[] = [];
  for (let last = newest; added.length < ROOTS_AT_ONCE;) {
    const bytes = await readIfThere(join(folder, `${last.version + 1}.root.json`));
    if (bytes === undefined) return added;
    last = acceptNextRoot(last, bytes);
    added.push(last);
  }
  return added;
}

/** Roots published between two looks; the rest at the next one. */
const ROOTS_AT_ONCE = 32;

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path);
    // One byte more than is allowed says enough about a file that is no root.
    return bytes.subarray(0, DOCUMENT_BYTES_MAX + 1);
  } catch (thrown) {
    if (systemCodeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

export interface RootWatchPorts {
  readonly live: LiveRoots;
  /** After each takeover. */
  readonly onTakenOver: (trust: Trust) => Promise<void>;
  /** Each problem once. */
  readonly onProblem: (problem: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** `ferry root publish` ends before this controller has seen the file: soon enough that nobody wonders. */
const LOOK_MS = 1_000;

/** Looks for the next root's file now and then: one failed open a second. */
export async function runRootWatch({ live, onTakenOver, onProblem, clock, log }: RootWatchPorts, signal: AbortSignal) {
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      if (await live.look()) await onTakenOver(live.trust());
      const problem = live.problem();
      if (problem !== undefined && problem !== told) await onProblem(problem);
      told = problem;
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, "a newer root could not be taken over; trying again");
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
