/** Truth that devices told of before, on the command line of a whole controller. */
import t from "tap";
import { join } from "node:path";
import { controllerPaths } from "../../../controller/config.ts";
import { createHome } from "../../../controller/new-home.ts";
import { openTestController } from "../../support/controller-api.ts";
import { FLEET } from "../../support/device-views.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { storeOf } from "../../support/stored-telemetry.ts";

t.test("ferry accuracy", { timeout: 120_000 }, async (t) => {
  const home = join(t.testdir(), "home");
  const paths = controllerPaths(home);
  await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const record = (device: string, more: Record<string, string | number>) => ({
    device,
    seq: 0,
    atMs: Date.now() - 60_000,
    kind: "inference" as const,
    fields: { slot: "digits", version: "1.1.0", intervalMs: 10_000, feedbackJudged: 10, ...more },
  });
  const told = { feedbackClasses: '[["7",8,0,2],["1",0,2,0]]', feedbackPairs: '[["7","1",2]]' };
  const database = await storeOf(paths.database, [
    record("cam-1", { feedbackRight: 8, ...told }),
    record("cam-2", { feedbackRight: 10 }),
  ]);
  await database[Symbol.asyncDispose]();
  await using controller = await openTestController(home);
  const env = { FERRY_HOME: home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);

  const all = await ferry("accuracy");
  t.match(all, { code: 0, stderr: /Wilson, for one look/ });
  t.match(all.stdout, /digits +1\.1\.0 +all 2 +20 +90\.0 % \(69\.9–97\.2\)/);
  const one = await ferry("accuracy", "digits@1.1.0");
  t.match(one.stdout, /7 → 1 \(2×\)\n +10 judged predictions were not told by class/);
  t.match(one.stdout, /7 +10 +100\.0 % .* +80\.0 % .* +0\.889/);
  const each = await ferry("accuracy", "--by-device", "-o", "json");
  t.match(JSON.parse(each.stdout), [{ devices: 2 }, { device: "cam-1" }, { device: "cam-2", untold: 10 }]);
  const csv = await ferry("accuracy", "-o", "csv");
  t.match(csv.stdout, /^model,version,device,judged,accuracy,macro f1,mae,rmse\ndigits,1\.1\.0,,20,0\.9,/);
  t.match(await ferry("accuracy", "letters"), { code: 0, stderr: /No truth came in the last 7d.*ferry feedback/ });
  t.match(await ferry("accuracy", "--since", "soon"), { code: 2, stderr: /not a time/ });
  t.match(await ferry("accuracy", "--device", "cam-9"), { code: 3 });
});
