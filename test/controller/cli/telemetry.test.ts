/** What came as telemetry, on the command line of a whole controller. */
import t from "tap";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { controllerPaths } from "../../../controller/config.ts";
import { createHome } from "../../../controller/new-home.ts";
import { openTestController } from "../../support/controller-api.ts";
import { FLEET } from "../../support/device-views.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { storeOf } from "../../support/stored-telemetry.ts";

t.test("ferry telemetry", { timeout: 120_000 }, async (t) => {
  const directory = t.testdir();
  const home = join(directory, "home");
  const paths = controllerPaths(home);
  await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const nowMs = Date.now();
  const of = (device: string, seq: number) => ({ device, seq, atMs: nowMs - 60_000 + seq, receivedMs: nowMs });
  const database = await storeOf(paths.database, [
    { ...of("cam-1", 0), fields: { cpuPercent: 12.5 } },
    { ...of("cam-1", 1), kind: "inference", fields: { slot: "digits", version: "1.0.0", intervalMs: 10_000 } },
    { ...of("cam-2", 0), atMs: nowMs + 86_400_000, fields: { cpuPercent: 50 } },
  ]);
  await database[Symbol.asyncDispose]();
  await using controller = await openTestController(home);
  const env = { FERRY_HOME: home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);

  const problems = await ferry("telemetry", "problems");
  t.match(problems, { code: 0, stderr: /clock-ahead: Set the clock of the device/ });
  t.match(problems.stdout, /cam-2 +clock-ahead +1 .*its clock said 20/);

  const out = join(directory, "health.csv");
  t.match(await ferry("telemetry", "export", "--format", "csv", "--kind", "health", "--out", out), { code: 0 });
  t.match(readFileSync(out, "utf8"), /^device,at,.*,cpuPercent\ncam-1,.*,12\.5\ncam-2,.*,50\n$/);
  const lines = join(directory, "recent.jsonl");
  t.match(await ferry("telemetry", "export", "--from", "1h", "--slot", "digits", "--out", lines), { code: 0 });
  t.match(JSON.parse(readFileSync(lines, "utf8")), { device: "cam-1", kind: "inference", fields: { slot: "digits" } });
  t.match(await ferry("telemetry", "export", "--from", "yesterday"), { code: 2, stderr: /not a time/ });

  t.match(await ferry("telemetry", "accounting", "--verify", "-o", "json"), { code: 0 });
  t.match(await ferry("prometheus-rules"), { code: 0, stdout: /alert: ModelferryControllerDown/ });
  t.match(JSON.parse((await ferry("grafana")).stdout), { uid: "modelferry" });
});
