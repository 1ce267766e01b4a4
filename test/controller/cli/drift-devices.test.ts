/** Devices that see something else than the others of their hardware class, on the command line of a whole controller. */
import t from "tap";
import { join } from "node:path";
import { controllerPaths } from "../../../controller/config.ts";
import { createHome } from "../../../controller/new-home.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { openTestController } from "../../support/controller-api.ts";
import { FLEET, INFO } from "../../support/device-views.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { addTo, storeOf } from "../../support/stored-telemetry.ts";

const uniform = seededRandom(8);

function record(shift: number) {
  const sketch = new ValueSketch();
  for (let n = 0; n < 300; n += 1) sketch.add(4 * uniform() - 2 + shift);
  const id = { slot: "digits", version: "1.0.0", feature: "x", role: "input", type: "number" };
  return { ...id, windowMs: 300_000, seen: 300, count: 300, missing: 0, valueSketch: sketch.toText() };
}

t.test("ferry drift devices", { timeout: 120_000 }, async (t) => {
  const home = join(t.testdir(), "home");
  const paths = controllerPaths(home);
  const nowMs = Date.now();
  await createHome(paths, { fleet: FLEET, nowMs });
  const fleet = [0, 0, 0, 2].map((shift, at) => ({ id: `jetson-${at}`, shift }));
  {
    await using store = await storeOf(paths.database, []);
    const seen = { first_seen_ms: 0, last_heard_ms: 0, online: 0, online_since_ms: 0 } as const;
    const row = { ...seen, info_json: JSON.stringify(INFO) };
    await store
      .insertInto("devices")
      .values(fleet.map(({ id }) => ({ id: id as DeviceId, ...row })))
      .execute();
    const at = { seq: 0, kind: "distribution" as const, atMs: nowMs - 60_000, receivedMs: nowMs };
    await addTo(
      store,
      fleet.map(({ id, shift }) => ({ ...at, device: id, fields: record(shift) })),
    );
  }
  await using controller = await openTestController(home);
  const env = { FERRY_HOME: home, FERRY_CONTROLLER: controller.httpUrl };
  const devices = (...args: string[]) => runFerry(["drift", "devices", ...args], env);

  const told = await devices();
  t.match(told, { code: 0, stdout: /jetson-3 .*differs/, stderr: /differs: .*jetson-3/ });
  t.notMatch(told.stdout, /jetson-0/, "those that are as the others are left out");
  t.match((await devices("digits@1.0.0", "--all")).stdout, /jetson-0 .*as its class/);
  const verdicts = JSON.parse((await devices("-o", "json")).stdout) as {
    readonly device: string;
    readonly differs: boolean;
  }[];
  t.equal(verdicts.length, 4);
  t.match(await devices("pets"), { code: 0, stderr: /Nothing to compare in the last/ });
});
