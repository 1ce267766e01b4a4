/** `state.db`: whom the device trusts, and how far each slot has come. Every write is on disk before it returns. */
import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { openReadOnly, openSqlite, type Migration, type Sqlite } from "../../common/sqlite.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelName, Sha256 } from "../../protocol/ids.ts";
import { checkPoison, type Poison } from "../update/poison.ts";
import { checkSlotState, type SlotState } from "../update/state.ts";

/** What survives of the trust in documents; see `deployment-gate.ts`. */
export interface StoredTrust {
  readonly rootBytes: Uint8Array;
  /** Of the newest accepted deployment; 0 for none. */
  readonly seq: number;
  /** What that deployment said, times and nonce aside; null for none. */
  readonly contentDigest: Sha256 | null;
  /** No document issued before this is believed: milliseconds since 1970. */
  readonly timeFloorMs: number;
  /** The accepted envelope's exact bytes, kept as proof; null for none. */
  readonly deploymentBytes: Uint8Array | null;
}

export interface StateDatabase extends Disposable {
  /** What became of the former file, where it was damaged. */
  readonly damage: Damage | undefined;
  /** Undefined until the first root has been stored. */
  readonly trust: () => StoredTrust | undefined;
  readonly saveTrust: (trust: StoredTrust) => void;
  readonly slots: () => ReadonlyMap<ModelName, SlotState>;
  /** In one transaction: the state, the rollback index that its active bundle commits the model to, and the poisons if given. */
  readonly saveSlot: (slot: ModelName, state: SlotState, poisons?: readonly Poison[]) => void;
  readonly removeSlot: (slot: ModelName) => void;
  /** What failed here for good. */
  readonly poisons: () => readonly Poison[];
  /** The highest rollback index that was ever active here; 0 for a model that never was. */
  readonly rollbackIndexOf: (model: ModelName) => number;
  /** Ascends over restarts and damage: a report that does not is a replay. */
  readonly nextReportCounter: () => number;
  /** Writes the second generation, from which a damaged file is made again. Call after what must not be lost. */
  readonly keepCopy: () => void;
  /** Keeps it as it is beside it, for an agent that goes on here after another version of it was taken back. */
  readonly keepBefore: () => void;
  /** That other version is good: nobody goes back to before it. */
  readonly dropBefore: () => void;
}

export interface StateOptions {
  /** Another version of the agent ran here since, and was taken back: what it made of the models is undone. */
  readonly isTakenBack?: boolean;
}

export interface Damage {
  /** Where the damaged file lies now. */
  readonly movedTo: string;
  /** Whether an older generation was there to go on from; false: the device knows only its pinned root again. */
  readonly restoredFromCopy: boolean;
}

const STATE_MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE trust (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    root_bytes BLOB NOT NULL,
    seq INTEGER NOT NULL,
    content_digest TEXT,
    time_floor_ms REAL NOT NULL,
    deployment_bytes BLOB
  ) STRICT;
  CREATE TABLE slot (slot TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE rollback_index (model TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE report_counter (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;
  `,
  `
  CREATE TABLE poison (id INTEGER PRIMARY KEY CHECK (id = 1), list TEXT NOT NULL) STRICT;
  UPDATE slot SET state = json_set(state, '$.seq', 0) WHERE json_extract(state, '$.phase') <> 'idle';
  `,
];

/** How many steps of its schema this program knows. */
export const STATE_SCHEMA = STATE_MIGRATIONS.length;

/** More reports than a device can have sent since its last copy: ten a second for a day. */
const COUNTER_LEAP = 864_000;

/** Throws FerryError: `already-running` while another agent has the folder, else what `openSqlite` throws. */
export function openStateDatabase(path: string, log: Log, { isTakenBack = false }: StateOptions = {}): StateDatabase {
  const paths = { copy: `${path}.copy`, before: `${path}.before-update` };
  goOnFromBefore(path, paths.before, log);
  const { database, damage } = openOrRestore(path, paths.copy, log);
  holdForThisProcess(database, path);
  startCounter(database, damage);
  if (isTakenBack && existsSync(paths.before)) {
    log.warn({ path }, "another version of the agent was taken back: its models go on from before it");
    bringModelsBack(database, paths.before);
    rmSync(paths.before);
  }
  return stateDatabase(database, paths, damage);
}

/** The newer database is kept aside; what it took note of since then, the newer agent did. */
function goOnFromBefore(path: string, before: string, log: Log): void {
  if (!existsSync(before) || !existsSync(path) || schemaOf(path) <= STATE_SCHEMA) return;
  log.warn({ path }, "the state database is of a newer agent, which was taken back: going on from before it");
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}.newer${suffix}`, { force: true });
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.newer${suffix}`);
  }
  const unfinished = `${path}.unfinished`;
  copyFileSync(before, unfinished);
  const database = openOnce(unfinished).database;
  database.prepare("UPDATE report_counter SET value = value + ?").run(COUNTER_LEAP);
  database.pragma("journal_mode = DELETE");
  database.close();
  renameSync(unfinished, path);
  rmSync(before);
}

/**
 * A version that cannot load a model gives it up, and remembers it as bad: that says nothing about this one. Whom the device
 * trusts, and below which index it never goes again, stays as it is by now.
 */
function bringModelsBack(database: Sqlite, before: string): void {
  const former = openReadOnly(before);
  try {
    const slots = former.prepare<[], { slot: string; state: string }>("SELECT slot, state FROM slot").all();
    const isOwn = ({ wish }: Poison) => wish.slot === AGENT_NAME;
    const poisons = [...readPoisons(former).filter((one) => !isOwn(one)), ...readPoisons(database).filter(isOwn)];
    database.transaction(() => {
      database.prepare("DELETE FROM slot WHERE slot <> ?").run(AGENT_NAME);
      const insert = database.prepare("INSERT OR IGNORE INTO slot (slot, state) VALUES (?, ?)");
      for (const { slot, state } of slots) insert.run(slot, state);
      database.prepare("INSERT OR REPLACE INTO poison (id, list) VALUES (1, ?)").run(JSON.stringify(poisons));
    })();
  } finally {
    former.close();
  }
}

function schemaOf(path: string): number {
  try {
    const database = openReadOnly(path);
    try {
      return Number(database.pragma("user_version", { simple: true }));
    } finally {
      database.close();
    }
  } catch {
    // A damaged file is dealt with where it is opened.
    return 0;
  }
}

interface CopyPaths {
  readonly copy: string;
  readonly before: string;
}

function stateDatabase(database: Sqlite, { copy, before }: CopyPaths, damage: Damage | undefined): StateDatabase {
  const saveSlot = database.prepare("INSERT OR REPLACE INTO slot (slot, state) VALUES (?, ?)");
  const raise = database.prepare(
    "INSERT INTO rollback_index (model, value) VALUES (?, ?) ON CONFLICT (model) DO UPDATE SET value = max(value, excluded.value)",
  );
  const savePoisons = database.prepare("INSERT OR REPLACE INTO poison (id, list) VALUES (1, ?)");
  const counter = database.prepare<[], { value: number }>(
    "UPDATE report_counter SET value = value + 1 RETURNING value",
  );
  const rollbackIndex = database.prepare<[string], { value: number }>(
    "SELECT value FROM rollback_index WHERE model = ?",
  );
  return {
    damage,
    trust: () => readTrust(database),
    saveTrust: (trust) => {
      database
        .prepare(
          "INSERT OR REPLACE INTO trust (id, root_bytes, seq, content_digest, time_floor_ms, deployment_bytes) VALUES (1, ?, ?, ?, ?, ?)",
        )
        .run(trust.rootBytes, trust.seq, trust.contentDigest, trust.timeFloorMs, trust.deploymentBytes);
    },
    slots: () => readSlots(database),
    saveSlot: (slot, state, poisons) => {
      database.transaction(() => {
        if (poisons !== undefined) savePoisons.run(JSON.stringify(poisons));
        saveSlot.run(slot, JSON.stringify(state));
        if (state.active !== null) raise.run(state.active.model, state.active.rollbackIndex);
      })();
    },
    removeSlot: (slot) => {
      database.prepare("DELETE FROM slot WHERE slot = ?").run(slot);
    },
    poisons: () => readPoisons(database),
    rollbackIndexOf: (model) => rollbackIndex.get(model)?.value ?? 0,
    nextReportCounter: () => {
      const row = counter.get();
      if (row === undefined) throw new FerryError("database-unavailable", "state.db has no report counter");
      return row.value;
    },
    keepCopy: () => {
      writeCopy(database, copy);
    },
    keepBefore: () => {
      writeCopy(database, before);
    },
    dropBefore: () => {
      rmSync(before, { force: true });
    },
    [Symbol.dispose]: () => {
      database.close();
    },
  };
}

interface Opened {
  readonly database: Sqlite;
  readonly damage: Damage | undefined;
}

/** A damaged file gives way to the older generation; where that is damaged too, to an empty file. */
function openOrRestore(path: string, copyPath: string, log: Log): Opened {
  const { database, damagedFile } = openOnce(path);
  if (damagedFile === undefined) return { database, damage: undefined };
  log.error({ path, movedTo: damagedFile }, "the state database was damaged and has been moved aside");
  if (!existsSync(copyPath)) return { database, damage: { movedTo: damagedFile, restoredFromCopy: false } };
  database.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  copyFileSync(copyPath, path);
  const restored = openOnce(path);
  return {
    database: restored.database,
    damage: { movedTo: damagedFile, restoredFromCopy: restored.damagedFile === undefined },
  };
}

function openOnce(path: string) {
  try {
    return openSqlite(path, { migrations: STATE_MIGRATIONS, durability: "full" });
  } catch (thrown) {
    const cause = thrown instanceof FerryError ? thrown.cause : thrown;
    if (systemCodeOf(cause)?.startsWith("SQLITE_BUSY") === true) throw alreadyRunning(path, thrown);
    throw thrown;
  }
}

/** Two agents in one folder would undo each other's work. The lock goes with the process, however it ends. */
function holdForThisProcess(database: Sqlite, path: string): void {
  try {
    database.pragma("locking_mode = EXCLUSIVE");
    database.exec("BEGIN IMMEDIATE; COMMIT");
  } catch (thrown) {
    database.close();
    if (systemCodeOf(thrown)?.startsWith("SQLITE_BUSY") === true) throw alreadyRunning(path, thrown);
    throw new FerryError("database-unavailable", `Cannot lock ${path}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function alreadyRunning(path: string, cause: unknown): FerryError {
  return new FerryError("already-running", `Another agent already runs here: it holds ${path}`, {
    hint: "Stop it first, or give this one a folder of its own with --dir.",
    exitCode: EXIT.conflict,
    cause,
  });
}

/**
 * The first counter of a database is the time of its making, which lies far above any count from one: a device that
 * lost everything is still believed, as long as its clock is right.
 */
function startCounter(database: Sqlite, damage: Damage | undefined): void {
  database.prepare("INSERT OR IGNORE INTO report_counter (id, value) VALUES (1, ?)").run(Date.now());
  if (damage?.restoredFromCopy === true) {
    database.prepare("UPDATE report_counter SET value = value + ?").run(COUNTER_LEAP);
  }
}

/** The copy appears whole or not at all. */
function writeCopy(database: Sqlite, copyPath: string): void {
  const temporary = `${copyPath}.tmp`;
  rmSync(temporary, { force: true });
  database.prepare("VACUUM INTO ?").run(temporary);
  const file = openSync(temporary, "r");
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, copyPath);
}

interface TrustRow {
  readonly root_bytes: Buffer;
  readonly seq: number;
  readonly content_digest: string | null;
  readonly time_floor_ms: number;
  readonly deployment_bytes: Buffer | null;
}

function readTrust(database: Sqlite): StoredTrust | undefined {
  const row = database.prepare<[], TrustRow>("SELECT * FROM trust").get();
  if (row === undefined) return undefined;
  return {
    rootBytes: row.root_bytes,
    seq: row.seq,
    // Only this file writes the column.
    contentDigest: row.content_digest as Sha256 | null,
    timeFloorMs: row.time_floor_ms,
    deploymentBytes: row.deployment_bytes,
  };
}

function readSlots(database: Sqlite): ReadonlyMap<ModelName, SlotState> {
  const rows = database.prepare<[], { slot: ModelName; state: string }>("SELECT slot, state FROM slot").all();
  return new Map(rows.map(({ slot, state }) => [slot, checkSlotState(JSON.parse(state))]));
}

function readPoisons(database: Sqlite): readonly Poison[] {
  const row = database.prepare<[], { list: string }>("SELECT list FROM poison").get();
  const list: unknown = row === undefined ? [] : JSON.parse(row.list);
  return Array.isArray(list) ? list.map(checkPoison) : [];
}
