/** The versions of the agent on disk, and the links and notes by which its launcher chooses; see `launcher.ts`. */
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { listFiles } from "../../common/hash-directory.ts";
import type { Log } from "../../common/log.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import { BUNDLE_FILES_MAX } from "../../protocol/limits.ts";
import { syncPath, writeFileDurably } from "../store/durable-file.ts";
import { PROGRAM_FILES } from "./launcher.ts";
import { isVersionName } from "./program-place.ts";

export interface TakenBack {
  readonly name: string;
  readonly why: string;
}

export interface ProgramDirectory {
  /** The version that starts next. */
  readonly current: () => Promise<string | undefined>;
  /** The one that a person installed; undefined where nobody has noted it. */
  readonly base: () => Promise<string | undefined>;
  readonly isOnTrial: () => Promise<boolean>;
  readonly takenBack: () => Promise<TakenBack | undefined>;
  readonly forgetTakenBack: () => Promise<void>;
  /** Copies a build under its name, where it is whole or not at all. Resolves to the program to start. */
  readonly install: (name: string, build: string, program: string) => Promise<string>;
  readonly remove: (name: string) => Promise<void>;
  /** The next start is that of `name`, on trial; the launcher takes it back to what is current now. */
  readonly beginTrial: (name: string) => Promise<void>;
  /** What it still waits for: told as the reason, should it be taken back for it. */
  readonly noteWaiting: (why: string) => Promise<void>;
  /** From here on its own end alone takes it back. */
  readonly noteHealthy: () => Promise<void>;
  /** It is good: the next start is no trial. */
  readonly endTrial: () => Promise<void>;
  /** The next start is that of the version before, no trial; `why` is its verdict about this one: empty for none. */
  readonly goBack: (why: string) => Promise<void>;
  /** The next start is that of the version that a person installed. */
  readonly goToBase: () => Promise<void>;
  /** Removes versions to which no link leads, and what was being installed when the power went. */
  readonly tidy: () => Promise<void>;
}

const STAGING_PREFIX = ".staging-";

/** Throws where it cannot be written: then the agent cannot update itself, and says so. */
export async function openProgramDirectory(directory: string, log: Log): Promise<ProgramDirectory> {
  const at = (name: string) => join(directory, name);
  const versions = at(PROGRAM_FILES.versions);
  await mkdir(versions, { recursive: true });

  const remove = async (name: string) => {
    // Out of its name first: a power cut in the middle must not leave half a version under it.
    const doomed = join(versions, `${STAGING_PREFIX}${name}`);
    await rename(join(versions, name), doomed).catch((thrown: unknown) => {
      if (systemCodeOf(thrown) !== "ENOENT") throw thrown;
    });
    await removeTree(doomed);
    await rm(join(versions, `${name}.json`), { force: true });
  };

  const target = (name: string) => linkTarget(at(name));

  const point = async (name: string, version: string) => {
    const unfinished = at(`${name}.new`);
    await rm(unfinished, { force: true });
    await symlink(`${PROGRAM_FILES.versions}/${version}`, unfinished);
    await rename(unfinished, at(name));
    await syncPath(directory);
  };

  const endTrial = async () => {
    for (const file of [PROGRAM_FILES.trial, PROGRAM_FILES.healthy, PROGRAM_FILES.waiting]) {
      await rm(at(file), { force: true });
    }
    await syncPath(directory);
  };

  const isOnTrial = () => exists(at(PROGRAM_FILES.trial));

  await tidy();

  async function tidy(): Promise<void> {
    const kept = new Set(
      await Promise.all([target(PROGRAM_FILES.current), target(PROGRAM_FILES.former), target(PROGRAM_FILES.base)]),
    );
    for (const name of await readdir(versions)) {
      try {
        if (name.startsWith(STAGING_PREFIX)) await removeTree(join(versions, name));
        else if (isVersionName(name) && !kept.has(name)) await remove(name);
      } catch (thrown) {
        log.warn({ name, error: messageOf(thrown) }, "cannot remove a version of the agent");
      }
    }
  }

  return {
    current: () => target(PROGRAM_FILES.current),
    base: () => target(PROGRAM_FILES.base),
    isOnTrial,
    takenBack: () => readTakenBack(directory),
    forgetTakenBack: async () => {
      await rm(at(PROGRAM_FILES.takenBack), { force: true });
    },
    install: async (name, build, program) => {
      const staging = await mkdtemp(join(versions, STAGING_PREFIX));
      try {
        await copyBuild(build, staging);
        await chmod(join(staging, program), 0o500);
        // What the launcher starts has one name in every version.
        if (program !== AGENT_NAME) await link(join(staging, program), join(staging, AGENT_NAME));
        await remove(name);
        await rename(staging, join(versions, name));
        await syncPath(versions);
      } finally {
        await removeTree(staging);
      }
      return join(versions, name, AGENT_NAME);
    },
    remove,
    beginTrial: async (name) => {
      const current = await target(PROGRAM_FILES.current);
      if (current === undefined) throw new Error(`${directory} has no link ${PROGRAM_FILES.current}`);
      await rm(at(PROGRAM_FILES.healthy), { force: true });
      await rm(at(PROGRAM_FILES.takenBack), { force: true });
      // A version on trial is nothing to go back to.
      if (!(await isOnTrial())) await point(PROGRAM_FILES.former, current);
      await writeFileDurably(at(PROGRAM_FILES.trial), "0\n");
      await point(PROGRAM_FILES.current, name);
    },
    noteWaiting: (why) => writeFileDurably(at(PROGRAM_FILES.waiting), `${why}\n`),
    noteHealthy: () => writeFileDurably(at(PROGRAM_FILES.healthy), ""),
    endTrial,
    goBack: async (why) => {
      const [current, former] = [await target(PROGRAM_FILES.current), await target(PROGRAM_FILES.former)];
      if (former === undefined || former === current) return;
      await writeFileDurably(at(PROGRAM_FILES.takenBack), `${current ?? ""}\n${why.replaceAll("\n", " ")}\n`);
      await point(PROGRAM_FILES.current, former);
      await endTrial();
    },
    goToBase: async () => {
      const base = await target(PROGRAM_FILES.base);
      if (base === undefined) return;
      await point(PROGRAM_FILES.current, base);
      await endTrial();
    },
    tidy,
  };
}

async function linkTarget(path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  const name = target === undefined ? undefined : basename(target);
  return name !== undefined && isVersionName(name) ? name : undefined;
}

/** One line, the name; another, the reason. The launcher writes it too. */
export async function readTakenBack(directory: string): Promise<TakenBack | undefined> {
  const text = await readFile(join(directory, PROGRAM_FILES.takenBack), "utf8").catch(() => undefined);
  const [name = "", why = ""] = text?.split("\n") ?? [];
  return isVersionName(name) ? { name, why: why.slice(0, 800) } : undefined;
}

/** Links where that is possible: the bundle beside it then takes no room of its own. */
async function copyBuild(build: string, staging: string): Promise<void> {
  const folders = new Set([staging]);
  for (const path of await listFiles(build, { filesMax: BUNDLE_FILES_MAX })) {
    const target = join(staging, path);
    await mkdir(dirname(target), { recursive: true });
    folders.add(dirname(target));
    await link(join(build, path), target).catch(async (thrown: unknown) => {
      if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP"].includes(systemCodeOf(thrown) ?? "")) throw thrown;
      await copyFile(join(build, path), target);
      await syncPath(target);
    });
  }
  for (const folder of folders) await syncPath(folder);
}

async function removeTree(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return await readFile(path).then(
    () => true,
    () => false,
  );
}
