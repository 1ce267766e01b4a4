import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openProgramDirectory } from "../../../agent/self-update/program-directory.ts";
import { openLog } from "../../../common/log.ts";

const log = openLog("test", "silent");
const [OLD, NEW, THIRD] = ["1.0.0-0000000000000001", "1.1.0-0000000000000002", "1.2.0-0000000000000003"] as const;

async function opened(t: Test) {
  const directory = t.testdir({
    build: { "ferry-agent": "#!/bin/sh\n", native: { "lib.so": "library" } },
    program: { versions: { [OLD]: { "ferry-agent": "#!/bin/sh\n" }, ".staging-half": { x: "y" } } },
  });
  const program = join(directory, "program");
  for (const link of ["current", "base"]) symlinkSync(`versions/${OLD}`, join(program, link));
  return { build: join(directory, "build"), path: program, program: await openProgramDirectory(program, log) };
}

t.test("a version is there whole, with a program that can be started", async (t) => {
  const { program, build, path } = await opened(t);
  t.notOk(existsSync(join(path, "versions", ".staging-half")), "what the power cut short is gone");
  const entry = await program.install(NEW, build, "ferry-agent");
  t.equal(entry, join(path, "versions", NEW, "ferry-agent"));
  t.equal(statSync(entry).mode & 0o777, 0o500);
  t.equal(readFileSync(join(path, "versions", NEW, "native", "lib.so"), "utf8"), "library");
  await program.install(NEW, build, "ferry-agent");
  t.same(readdirSync(join(path, "versions")).sort(), [OLD, NEW], "once more changes nothing");
});

t.test("a trial notes its way back before the link is turned, and goes back by it", async (t) => {
  const { program, build } = await opened(t);
  await program.install(NEW, build, "ferry-agent");
  await program.beginTrial(NEW);
  t.equal(await program.current(), NEW);
  t.ok(await program.isOnTrial());
  await program.goBack("digits\ncannot be loaded");
  t.equal(await program.current(), OLD);
  t.notOk(await program.isOnTrial());
  t.same(await program.takenBack(), { name: NEW, why: "digits cannot be loaded" });
  await program.forgetTakenBack();
  t.equal(await program.takenBack(), undefined);
});

t.test("a version on trial is nothing to go back to", async (t) => {
  const { program, build } = await opened(t);
  for (const name of [NEW, THIRD]) {
    await program.install(name, build, "ferry-agent");
    await program.beginTrial(name);
  }
  await program.goBack("");
  t.equal(await program.current(), OLD);
});

t.test("what is good ends the trial, and keeps the one before and the installed one", async (t) => {
  const { program, build, path } = await opened(t);
  for (const name of [NEW, THIRD]) {
    await program.install(name, build, "ferry-agent");
    await program.beginTrial(name);
    await program.noteWaiting("digits");
    await program.noteHealthy();
    await program.endTrial();
  }
  writeFileSync(join(path, "versions", `${OLD}.json`), "{}");
  mkdirSync(join(path, "versions", "0.9.0-0000000000000009"));
  await program.tidy();
  t.same(readdirSync(join(path, "versions")).sort(), [OLD, `${OLD}.json`, NEW, THIRD]);
  t.notOk(existsSync(join(path, "healthy")) || existsSync(join(path, "waiting")));
  await program.goToBase();
  t.equal(await program.current(), OLD);
});
