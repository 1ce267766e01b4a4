/** Keys that change under a running fleet: real processes, and no device is touched. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { createClient } from "../../controller/http/client.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import { openStore } from "../../controller/store/store.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { readDigits } from "../support/digits.ts";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { startSteadyLoad } from "../support/steady-load.ts";
import { until } from "../support/until.ts";

const examples = new URL("../../examples/digits/", import.meta.url).pathname;

t.test("every role's key changes under a running fleet", { timeout: 240_000 }, async (t) => {
  const directory = t.testdir();
  await using fleet = await openFleet({
    directory,
    devices: ["cam-1", "cam-2"].map((id) => ({ id, labels: [] })),
  });
  const [first, late] = fleet.devices;
  if (first === undefined || late === undefined) throw new Error("there are no devices");
  await fleet.startController();
  await Promise.all([first.start(), late.start()]);
  const client = createClient(fleet.controllerUrl, { token: readLocalToken(join(fleet.home, "operator.token")) });
  const report = async (id: "cam-1" | "cam-2") =>
    (await client.getDevice({ params: { device: id as DeviceId } })).report;
  const untilRoot = (id: "cam-1" | "cam-2", version: number) =>
    until(`${id} has root ${version}`, async () => {
      const newest = await report(id).catch(() => undefined);
      return newest?.rootVersion === version && newest;
    });
  await Promise.all([untilRoot("cam-1", 1), untilRoot("cam-2", 1)]);
  await push(t, fleet, directory, "1.0.0");
  await rollOut(t, fleet, "1.0.0", "--all");
  await late.program().stop();
  const load = startSteadyLoad(first.url, readDigits(), 10);
  const file = (name: string) => join(directory, name);
  const key = (name: string) => file(`${name}.key.pem`);
  await Promise.all(["b", "c", "publisher-2"].map((name) => run(t, fleet, "root", "new-key", key(name))));
  const owner = join(fleet.home, "offline", "owner.key.pem");

  await t.test("owner: from one key to 2 of 3", async (t) => {
    await run(t, fleet, "root", "add-key", "owner", file("b.pub.pem"));
    await run(t, fleet, "root", "add-key", "owner", file("c.pub.pem"), "--threshold", "2");
    await run(t, fleet, "root", "sign", "--key", owner);
    const { code } = await fleet.ferry("root", "publish");
    t.equal(code, 4, "the new owners' threshold counts too");
    await run(t, fleet, "root", "sign", "--key", key("b"));
    await run(t, fleet, "root", "publish");
    await untilRoot("cam-1", 2);
  });

  await t.test("publisher: what runs goes on running, and what comes needs the new key", async (t) => {
    await run(t, fleet, "root", "rotate", "publisher", "--new", file("publisher-2.pub.pem"));
    for (const name of [key("b"), key("c")]) await run(t, fleet, "root", "sign", "--key", name);
    await run(t, fleet, "root", "publish");
    const { slots, refusal } = await untilRoot("cam-1", 3);
    t.match(slots, [{ phase: "committed", active: { version: "1.0.0" } }]);
    t.equal(refusal, undefined, "the same wish under another root is no other wish");
    await until("the catalogue says what is to be signed again", async () => {
      const { bundles } = await client.listBundles({ query: {} });
      return bundles.length === 1 && bundles.every(({ vouched }) => !vouched);
    });
    const { events } = await client.listEvents({ query: { limit: 100 } });
    t.match(
      events.find(({ kind }) => kind === "bundles-unvouched"),
      { text: /digits@1\.0\.0/ },
    );
    const old = await pushed(t, fleet, directory, "1.1.0");
    t.match(old, { code: 4, stderr: /publisher/ }, "the former key signs nothing that is taken");
    await push(t, fleet, directory, "1.1.0", "--key", key("publisher-2"));
    await rollOut(t, fleet, "1.1.0", "--device", "cam-1");
  });

  await t.test("director: a fleet that was sent to the last number comes back with another key", async (t) => {
    await fleet.controller().stop();
    await fastForward(fleet);
    await fleet.startController();
    await until(
      "the device took it",
      async () => (await report("cam-1").catch(() => undefined))?.seq === Number.MAX_SAFE_INTEGER,
    );

    await run(t, fleet, "root", "rotate", "director");
    for (const name of [owner, key("c")]) await run(t, fleet, "root", "sign", "--key", name);
    await run(t, fleet, "root", "publish");
    await untilRoot("cam-1", 4);
    const begun = await until("the number starts again", async () => {
      const newest = await report("cam-1");
      return newest?.seq === 1 && newest;
    });
    t.match(begun.slots, [{ phase: "committed", active: { version: "1.1.0" } }]);
    await rollOut(t, fleet, "1.1.0", "--device", "cam-1");
    const status = await fleet.ferryJson("status");
    t.match(status, { status: "ok", problems: [], warnings: [], rootVersion: 4 });
    const events = (await fleet.ferryJson("events")) as { kind: string }[];
    t.equal(events.filter(({ kind }) => kind === "root-taken-over").length, 3);
  });

  await t.test("a device that was away meanwhile walks all the versions", async (t) => {
    await late.start();
    await untilRoot("cam-2", 4);
    await until("the director has answered its nonce, and it refuses nothing", async () => {
      const newest = await report("cam-2").catch(() => undefined);
      return newest !== undefined && newest.refusal === undefined;
    });
    await rollOut(t, fleet, "1.1.0", "--device", "cam-2");
  });

  await t.test("no request failed meanwhile", async (t) => {
    const { answers, failures } = await load.stop();
    t.ok(answers.length > 20, `${answers.length} answers`);
    t.same(failures, []);
  });
});

/** What somebody on the controller's host can have its director sign. */
async function fastForward({ home }: Fleet): Promise<void> {
  await using opened = await openStore(join(home, "controller", "controller.db"));
  await opened.store.updateTable("deployments").set({ seq: Number.MAX_SAFE_INTEGER }).execute();
}

async function run(t: Test, fleet: Fleet, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await fleet.ferry(...args);
  if (code !== 0) t.fail(`ferry ${args.join(" ")} ended with ${String(code)}: ${stderr}${stdout}`);
}

/** Signs a copy of the example, with the home's publisher key unless told otherwise, and pushes it. */
async function pushed(t: Test, fleet: Fleet, directory: string, version: string, ...signer: string[]) {
  const bundle = join(directory, `digits-${version}-${String(signer.length)}`);
  cpSync(join(examples, `v${version}`), bundle, { recursive: true });
  await run(t, fleet, "bundle", "sign", bundle, ...signer);
  return fleet.ferry("bundle", "push", bundle);
}

async function push(t: Test, fleet: Fleet, directory: string, version: string, ...signer: string[]): Promise<void> {
  const { code, stderr } = await pushed(t, fleet, directory, version, ...signer);
  t.equal(code, 0, `digits@${version} is pushed${code === 0 ? "" : `: ${stderr}`}`);
}

async function rollOut(t: Test, fleet: Fleet, version: string, ...to: string[]): Promise<void> {
  await run(t, fleet, "rollout", "create", `digits@${version}`, ...to, "--yes", "--watch", "--timeout", "60");
}
