/** The launcher itself, a real shell, with versions that are three lines of shell each. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import { LAUNCHER } from "../../../agent/self-update/launcher.ts";
import { startFile } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const [OLD, NEW] = ["1.0.0-0000000000000001", "1.1.0-0000000000000002"];

interface Versions {
  /** What each does; each also notes that it was started. */
  readonly old?: string;
  readonly new?: string;
  readonly current?: string;
  readonly former?: string | null;
  readonly trial?: string;
}

function programDirectory(t: Test, { old = "exit 0", ...more }: Versions) {
  const directory = t.testdir();
  const { current = NEW, former = OLD, trial } = more;
  for (const [name, does] of [
    [OLD, old],
    [NEW, more.new ?? "exit 0"],
  ] as const) {
    mkdirSync(join(directory, "versions", name), { recursive: true });
    const script = `#!/bin/sh\necho "$FERRY_AGENT_RUNNING $*" >>"$FERRY_AGENT_PROGRAM/log"\n${does}\n`;
    writeFileSync(join(directory, "versions", name, "ferry-agent"), script, { mode: 0o755 });
  }
  symlinkSync(`versions/${current}`, join(directory, "current"));
  if (former !== null) symlinkSync(`versions/${former}`, join(directory, "former"));
  if (trial !== undefined) writeFileSync(join(directory, "trial"), trial);
  const launcher = join(directory, "launch");
  writeFileSync(launcher, LAUNCHER, { mode: 0o755 });
  return {
    directory,
    launcher,
    started: () => (existsSync(join(directory, "log")) ? read(directory, "log").trimEnd().split("\n") : []),
    current: () => readlinkSync(join(directory, "current")).replace("versions/", ""),
    takenBack: () => (existsSync(join(directory, "taken-back")) ? read(directory, "taken-back") : undefined),
  };
}

function read(directory: string, name: string): string {
  return readFileSync(join(directory, name), "utf8");
}

/** What the launcher waits between two starts, `sleep 1`, is no matter here. */
const HURRIED = join(t.testdir({ sleep: '#!/bin/sh\n[ "$1" = 1 ] || exec /bin/sleep "$@"\n' }), "sleep");
chmodSync(HURRIED, 0o755);

function launch(launcher: string, env: Record<string, string> = {}) {
  const path = `${dirname(HURRIED)}:${process.env["PATH"] ?? ""}`;
  return spawnSync(launcher, ["run", "--dir", "/state"], {
    env: { ...process.env, PATH: path, ...env },
    encoding: "utf8",
  });
}

t.test("a version that is not on trial runs as if it had been started itself", async (t) => {
  const { launcher, started } = programDirectory(t, { new: "exit 7" });
  t.equal(launch(launcher).status, 7, "its exit code is the launcher's");
  t.same(started(), [`${NEW} run --dir /state`]);
});

t.test("a version that asks for it is followed by whatever is current by then", async (t) => {
  const { launcher, started } = programDirectory(t, {
    new: `ln -sfn versions/${OLD} "$FERRY_AGENT_PROGRAM/current"; exit 75`,
    old: "exit 4",
  });
  t.equal(launch(launcher).status, 4);
  t.same(started(), [`${NEW} run --dir /state`, `${OLD} run --dir /state`]);
});

t.test(
  "a version on trial that ends three times is taken back, and the reason is left for the one before",
  async (t) => {
    const { launcher, started, current, takenBack, directory } = programDirectory(t, { new: "exit 3", trial: "0" });
    const { status, stderr } = launch(launcher);
    t.equal(status, 0);
    t.match(stderr, /taken back to 1\.0\.0-0000000000000001: it was started 3 times/);
    t.equal(started().filter((line) => line.startsWith(NEW)).length, 3);
    t.equal(started().at(-1), `${OLD} run --dir /state`);
    t.equal(current(), OLD);
    t.match(takenBack(), /^1\.1\.0-0000000000000002\nit was started 3 times, .* exit status 3\n$/);
    t.notOk(existsSync(join(directory, "trial")));
  },
);

t.test("what ended it is told: its own words, and the signal", async (t) => {
  for (const { does, why } of [
    {
      does: `echo "Cannot open state.db" >"$FERRY_AGENT_PROGRAM/waiting"; exit 1`,
      why: /exit status 1: Cannot open state\.db\n$/,
    },
    { does: "kill -SEGV $$", why: /before it was good: signal 11\n$/ },
  ]) {
    const { launcher, takenBack } = programDirectory(t, { new: does, trial: "2" });
    launch(launcher);
    t.match(takenBack(), why);
  }
});

t.test("a disk that takes neither count nor reason keeps no bad version", async (t) => {
  const { launcher, started, current, takenBack, directory } = programDirectory(t, { new: "exit 3", trial: "0" });
  // What cannot be written: as little as on a full disk.
  for (const unwritable of ["trial.new", "taken-back.new"]) mkdirSync(join(directory, unwritable));
  t.equal(launch(launcher).status, 0);
  t.equal(started().length, 4);
  t.equal(current(), OLD);
  t.equal(takenBack(), undefined);
});

t.test("a version whose program is gone makes way for the one before it, or for the installed one", async (t) => {
  const gone = ({ directory }: { directory: string }, name: string) => {
    rmSync(join(directory, "versions", name, "ferry-agent"));
  };
  const lost = programDirectory(t, {});
  gone(lost, NEW);
  const { stderr } = launch(lost.launcher);
  t.match(stderr, /1\.1\.0-0000000000000002 is not there any more: starting 1\.0\.0-0000000000000001/);
  t.same(lost.started(), [`${OLD} run --dir /state`]);
  t.equal(lost.current(), OLD);

  const onTrial = programDirectory(t, { trial: "1" });
  gone(onTrial, NEW);
  launch(onTrial.launcher);
  t.match(onTrial.takenBack(), /its program is not there/);

  const installed = programDirectory(t, { former: null });
  symlinkSync(`versions/${OLD}`, join(installed.directory, "base"));
  gone(installed, NEW);
  launch(installed.launcher);
  t.same(installed.started(), [`${OLD} run --dir /state`]);
});

t.test("a version that is not well in time is taken back at once, with what it waited for", async (t) => {
  const { launcher, started, takenBack } = programDirectory(t, {
    new: `echo "digits is being started again" >"$FERRY_AGENT_PROGRAM/waiting"; exec sleep 100`,
    trial: "0",
  });
  launch(launcher, { FERRY_AGENT_HEALTHY_SECONDS: "1.0" });
  t.equal(started().length, 2);
  t.match(takenBack(), /it was not well after 1\.0 s: digits is being started again/);
});

t.test("a version that says it is well has all the time it wants", async (t) => {
  const { launcher, takenBack } = programDirectory(t, {
    new: `: >"$FERRY_AGENT_PROGRAM/healthy"; sleep 2; rm "$FERRY_AGENT_PROGRAM/trial"; exit 6`,
    trial: "0",
  });
  t.equal(launch(launcher, { FERRY_AGENT_HEALTHY_SECONDS: "1.0" }).status, 6);
  t.equal(takenBack(), undefined);
});

t.test("told to stop, it passes that on once, waits, and counts no start", async (t) => {
  const { launcher, started, directory } = programDirectory(t, {
    new: `trap 'echo stopped >>"$FERRY_AGENT_PROGRAM/stops"; exit 0' TERM; while :; do sleep 0.05; done`,
    trial: "1",
  });
  const program = startFile(launcher, ["run"]);
  await until("it runs", () => started().length === 1);
  await program.stop();
  t.equal(read(directory, "stops"), "stopped\n");
  t.equal(read(directory, "trial").trim(), "1");
});

t.test("where the power went, the next start goes on", async (t) => {
  const cases: readonly { when: string; given: Versions; first: string; isOnTrial: boolean }[] = [
    {
      when: "after the version was unpacked",
      given: { current: OLD, former: null },
      first: OLD,
      isOnTrial: false,
    },
    { when: "after the way back was noted", given: { current: OLD }, first: OLD, isOnTrial: false },
    {
      when: "after the trial was noted, before the link was turned",
      given: { current: OLD, trial: "0" },
      first: OLD,
      isOnTrial: false,
    },
    { when: "after the link was turned", given: { trial: "0" }, first: NEW, isOnTrial: true },
    { when: "during the first start", given: { trial: "1" }, first: NEW, isOnTrial: true },
    { when: "again and again, in each start", given: { trial: "3" }, first: OLD, isOnTrial: false },
    {
      when: "after it was taken back, before that trial was ended",
      given: { current: OLD, trial: "3" },
      first: OLD,
      isOnTrial: false,
    },
    { when: "while the count was written, on a disk that lost it", given: { trial: "" }, first: NEW, isOnTrial: true },
    {
      when: "after the trial, and the way back is gone",
      given: { former: null, trial: "9" },
      first: NEW,
      isOnTrial: false,
    },
  ];
  for (const { when, given, first, isOnTrial } of cases) {
    await t.test(when, async (t) => {
      const seen =
        '[ -e "$FERRY_AGENT_PROGRAM/trial" ] && : >"$FERRY_AGENT_PROGRAM/was-on-trial"; rm -f "$FERRY_AGENT_PROGRAM/trial"; exit 0';
      const { launcher, started, directory } = programDirectory(t, { old: seen, new: seen, ...given });
      launch(launcher);
      t.equal(started()[0], `${first} run --dir /state`);
      t.equal(existsSync(join(directory, "was-on-trial")), isOnTrial);
    });
  }
});

t.test("without any version it says so", async (t) => {
  const directory = t.testdir({ launch: LAUNCHER });
  const { status, stderr } = spawnSync("sh", [join(directory, "launch"), "run"], { encoding: "utf8" });
  t.equal(status, 1);
  t.match(stderr, /there is no version in .*: install one with ferry-agent install/);
});
