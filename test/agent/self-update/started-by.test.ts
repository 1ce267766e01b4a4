import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { isAfterTakenBack, noteEnd, startedBy } from "../../../agent/self-update/started-by.ts";
import { startFile } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const RUNNING = "0.2.0-0123456789abcdef";

t.test("an agent whose launcher is killed hears of it", async (t) => {
  const folder = t.testdir();
  const sources = new URL("../../../agent/self-update/started-by.ts", import.meta.url).href;
  const agent = `
    import { writeFileSync } from "node:fs";
    import { onLauncherGone } from ${JSON.stringify(sources)};
    const staying = setInterval(() => undefined, 1_000);
    onLauncherGone(() => { writeFileSync("${folder}/gone", ""); clearInterval(staying); });
    writeFileSync("${folder}/runs", "");`;
  const launcher = startFile("/bin/sh", [
    "-c",
    `FERRY_AGENT_LAUNCHER=$$ "$0" --input-type=module -e "$1" & wait`,
    process.execPath,
    agent,
  ]);
  await until("the agent runs", () => existsSync(join(folder, "runs")));
  t.notOk(existsSync(join(folder, "gone")));
  await launcher.stop("SIGKILL");
  await until("it hears that its launcher is gone", () => existsSync(join(folder, "gone")));
});

t.test("what an agent ends with is noted for the launcher; another's end is nobody's", async (t) => {
  const folder = t.testdir({ program: {} });
  const program = join(folder, "program");
  await noteEnd(new Error("nobody started it"));
  t.notOk(existsSync(join(program, "waiting")));
  Object.assign(process.env, { FERRY_AGENT_PROGRAM: program, FERRY_AGENT_RUNNING: RUNNING });
  t.teardown(() => {
    delete process.env["FERRY_AGENT_PROGRAM"];
    delete process.env["FERRY_AGENT_RUNNING"];
  });
  t.match(startedBy(), { kind: "versioned", running: RUNNING });
  await noteEnd(new Error("Cannot open state.db\nat once"));
  t.equal(readFileSync(join(program, "waiting"), "utf8"), "Cannot open state.db at once\n");
});

t.test("a version comes after one that was taken back, unless it is that one", async (t) => {
  for (const [name, then] of [
    ["0.3.0-0123456789abcdef", true],
    [RUNNING, false],
  ] as const) {
    const directory = t.testdir({ "taken-back": `${name}\nit crashed\n` });
    t.equal(await isAfterTakenBack({ kind: "versioned", directory, running: RUNNING }), then, name);
  }
});
