import { copyFileSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import t from "tap";
import { openLog } from "../../../common/log.ts";
import { AGENT_NAME } from "../../../protocol/bundle/agent-part.ts";
import type { ModelName, ModelVersion, Sha256, StatementDigest } from "../../../protocol/ids.ts";
import { openStateDatabase, STATE_SCHEMA, type StoredTrust } from "../../../agent/store/state-database.ts";
import type { Poison } from "../../../agent/update/poison.ts";
import type { HeldBundle, SlotState } from "../../../agent/update/state.ts";

const log = openLog("test", "silent");
const digits = "digits" as ModelName;

const trust: StoredTrust = {
  rootBytes: Buffer.from("root"),
  seq: 7,
  contentDigest: "1".repeat(64) as Sha256,
  timeFloorMs: 1_790_000_000_123.5,
  deploymentBytes: Buffer.from("envelope"),
};

function committed(rollbackIndex: number): SlotState {
  const statement = "2".repeat(64) as StatementDigest;
  const active: HeldBundle = { model: digits, version: "1.0.0" as ModelVersion, statement, rollbackIndex };
  const archive = { sha256: "3".repeat(64) as Sha256, length: 1, chunkList: "4".repeat(64) as Sha256 };
  const wish = { slot: digits, model: digits, version: active.version, statement, archive };
  return { phase: "committed", active, lastKnownGood: null, work: 3, wish, seq: 7 };
}

/** Overwrites the middle of the file, as a failing disk would. */
function damage(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(16_384, 0xff), 0, 16_384, 100);
  closeSync(file);
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

t.test("what was stored is there after a restart", async (t) => {
  const path = join(t.testdir(), "state.db");
  let counter: number;
  {
    using state = openStateDatabase(path, log);
    t.equal(state.trust(), undefined);
    state.saveTrust(trust);
    state.saveSlot(digits, committed(4));
    counter = state.nextReportCounter();
  }
  using state = openStateDatabase(path, log);
  t.strictSame(state.trust(), trust);
  t.strictSame(state.slots(), new Map([[digits, committed(4)]]));
  t.equal(state.nextReportCounter(), counter + 1);
  t.equal(state.damage, undefined);
});

t.test("what failed here for good is stored with the state that it led to", async (t) => {
  const path = join(t.testdir(), "state.db");
  const state = committed(4);
  if (state.phase === "idle") throw new Error("the state has a wish");
  const poison: Poison = { wish: state.wish, refusal: { code: "self-test", message: "differs" }, untilMs: 9 };
  {
    using database = openStateDatabase(path, log);
    t.strictSame(database.poisons(), []);
    database.saveSlot(digits, state, [poison]);
    database.saveSlot(digits, state);
  }
  using database = openStateDatabase(path, log);
  t.strictSame(database.poisons(), [poison], "a state without poisons leaves them as they are");
});

t.test("a state that an agent without groups has stored is read as one of group 0", async (t) => {
  const path = join(t.testdir(), "state.db");
  const { seq: _seq, ...former } = { seq: 0, ...committed(4) };
  {
    using database = openStateDatabase(path, log);
    database.saveSlot(digits, committed(4));
  }
  const raw = new Sqlite(path);
  raw.prepare("UPDATE slot SET state = ?").run(JSON.stringify(former));
  raw.exec("DROP TABLE poison; PRAGMA user_version = 1");
  raw.close();
  using database = openStateDatabase(path, log);
  t.strictSame(database.slots().get(digits), { ...former, seq: 0 });
});

t.test("the rollback index of a model only rises, and outlives its slot", async (t) => {
  using state = openStateDatabase(join(t.testdir(), "state.db"), log);
  t.equal(state.rollbackIndexOf(digits), 0);
  state.saveSlot(digits, committed(4));
  state.saveSlot(digits, committed(2));
  state.removeSlot(digits);
  t.equal(state.rollbackIndexOf(digits), 4);
  t.equal(state.slots().size, 0);
});

t.test("a damaged file gives way to the copy: nothing but the newest changes is lost, and it is said", async (t) => {
  const path = join(t.testdir(), "state.db");
  let counter: number;
  {
    using state = openStateDatabase(path, log);
    state.saveTrust(trust);
    state.saveSlot(digits, committed(4));
    state.keepCopy();
    counter = state.nextReportCounter();
  }
  damage(path);
  using state = openStateDatabase(path, log);
  t.match(state.damage, { restoredFromCopy: true, movedTo: /state\.db\.damaged-/ });
  t.strictSame(state.trust(), trust);
  t.equal(state.rollbackIndexOf(digits), 4);
  t.ok(state.nextReportCounter() > counter + 100_000, "no report counter is given away twice");
});

t.test(
  "where the copy is damaged too, an empty one begins, and both stay for whoever wants to repair them",
  async (t) => {
    const directory = t.testdir();
    const path = join(directory, "state.db");
    let counter: number;
    {
      using state = openStateDatabase(path, log);
      state.saveTrust(trust);
      state.keepCopy();
      counter = state.nextReportCounter();
    }
    damage(path);
    writeFileSync(`${path}.copy`, "not a database");
    using state = openStateDatabase(path, log);
    t.match(state.damage, { restoredFromCopy: false });
    t.equal(state.trust(), undefined);
    t.ok(state.nextReportCounter() > counter, "a device that lost everything is still believed");
    t.equal(readdirSync(directory).filter((name) => name.includes("damaged")).length, 2);
  },
);

t.test("the newest pages of the log damaged: the commit before them holds, whole", async (t) => {
  const directory = t.testdir();
  const [path, cut] = [join(directory, "state.db"), join(directory, "cut.db")];
  using state = openStateDatabase(path, log);
  state.saveTrust(trust);
  state.saveSlot(digits, committed(4));
  const before = statSync(`${path}-wal`).size;
  state.saveTrust({ ...trust, seq: 8 });
  // As the disk looks after a power cut: the log is still beside the database.
  copyFileSync(path, cut);
  copyFileSync(`${path}-wal`, `${cut}-wal`);
  const wal = openSync(`${cut}-wal`, "r+");
  writeSync(wal, Buffer.alloc(64, 0xff), 0, 64, before + 100);
  closeSync(wal);
  using found = openStateDatabase(cut, log);
  t.strictSame(found.trust(), trust, "neither the damaged commit nor an empty state");
  t.equal(found.rollbackIndexOf(digits), 4);
  t.strictSame(found.slots(), new Map([[digits, committed(4)]]));
});

t.test("two agents never share a folder", async (t) => {
  const path = join(t.testdir(), "state.db");
  using _first = openStateDatabase(path, log);
  t.throws(() => openStateDatabase(path, log), { code: "already-running", exitCode: 6, hint: /--dir/ });
});

t.test("what another version made of the models is undone when it was taken back, and nothing else", async (t) => {
  const path = join(t.testdir(), "state.db");
  const own = { ...committed(9), wish: { ...wishOfCommitted(), slot: AGENT_NAME, model: AGENT_NAME } } as SlotState;
  const bad: Poison = { wish: wishOfCommitted(), refusal: { code: "runner-crash", message: "died" }, untilMs: 1 };
  const ownBad: Poison = { ...bad, wish: { ...bad.wish, slot: AGENT_NAME } };
  {
    using state = openStateDatabase(path, log);
    state.saveSlot(digits, committed(4));
    state.keepBefore();
  }
  {
    using state = openStateDatabase(path, log);
    state.saveTrust(trust);
    state.saveSlot(AGENT_NAME, own, [bad, ownBad]);
    state.removeSlot(digits);
  }
  {
    using state = openStateDatabase(path, log, { isTakenBack: true });
    t.strictSame(
      state.slots(),
      new Map([
        [digits, committed(4)],
        [AGENT_NAME, own],
      ]),
    );
    t.strictSame(state.poisons(), [ownBad]);
    t.strictSame(state.trust(), trust, "whom it trusts is newer, and stays");
    state.removeSlot(digits);
  }
  using state = openStateDatabase(path, log, { isTakenBack: true });
  t.notOk(state.slots().has(digits), "once");
});

t.test("a database of a newer schema gives way to the one before that agent", async (t) => {
  const path = join(t.testdir(), "state.db");
  let counter: number;
  {
    using state = openStateDatabase(path, log);
    state.saveSlot(digits, committed(4));
    state.keepBefore();
    counter = state.nextReportCounter();
  }
  const newer = new Sqlite(path);
  newer.exec("DELETE FROM slot; CREATE TABLE future (x)");
  newer.pragma(`user_version = ${String(STATE_SCHEMA + 1)}`);
  newer.close();
  {
    using state = openStateDatabase(path, log, { isTakenBack: true });
    t.strictSame(state.slots(), new Map([[digits, committed(4)]]));
    t.ok(state.nextReportCounter() > counter + 1_000, "no number is given away twice");
    t.ok(statSync(`${path}.newer`).isFile(), "kept aside");
    state.keepBefore();
    state.dropBefore();
  }
  const again = new Sqlite(path);
  again.pragma(`user_version = ${String(STATE_SCHEMA + 1)}`);
  again.close();
  t.throws(() => openStateDatabase(path, log), { code: "database-newer" }, "without one before it, nothing is guessed");
});

function wishOfCommitted() {
  const state = committed(4);
  if (state.phase === "idle") throw new Error("it wishes something");
  return state.wish;
}
