import t from "tap";
import { openFleet } from "../../support/fleet.ts";
import { until } from "../../support/until.ts";

t.test("from an invitation to a revocation, on the command line", { timeout: 240_000 }, async (t) => {
  await using fleet = await openFleet({ directory: t.testdir(), devices: [{ id: "cam-1", labels: [] }] });
  await fleet.startController();
  const [device] = fleet.devices;
  if (device === undefined) throw new Error("there is a device");
  const isOnline = async () => {
    const devices = (await fleet.ferryJson("device", "list")) as { readonly online: boolean }[];
    return devices.some(({ online }) => online);
  };

  await t.test("invite prints the line for the device", async (t) => {
    const { code, stdout } = await fleet.ferry("device", "invite", "cam-7", "--ttl", "5m");
    t.equal(code, 0);
    t.match(stdout, new RegExp(`ferry-agent join mfj1\\.[A-Za-z0-9_-]+ --root-pin ${fleet.rootPin}`));
    t.match(await fleet.ferry("device", "invite", "controller"), { code: 2, stderr: /controller's own name/ });
    t.match(await fleet.ferry("device", "invite", "cam-7", "--ttl", "2d"), { code: 2 });
  });

  await t.test("an enrolled device is online, and may be let back in after a long absence", async (t) => {
    await device.start();
    await until("it is online", isOnline);
    t.match(await fleet.ferry("device", "renew", "cam-1"), { code: 0, stdout: /may renew its certificate until/ });
    t.match(await fleet.ferry("device", "renew", "cam-9"), { code: 3, stderr: /ferry device invite cam-9/ });
  });

  await t.test("a revoked one is cut off", async (t) => {
    t.match(await fleet.ferry("device", "revoke", "cam-1"), { code: 0, stdout: /1 certificate revoked/ });
    await until("it is offline", async () => !(await isOnline()));
    t.match(await fleet.ferry("device", "revoke", "cam-1"), { code: 3 });
  });

  await t.test("a key that was written is not written over", async (t) => {
    const out = t.testdir();
    t.match(await fleet.ferry("ca", "issue-caller", "app", "--out", out), { code: 0, stdout: /app\.key\.pem/ });
    t.match(await fleet.ferry("ca", "issue-caller", "app", "--out", out), { code: 6 });
    t.match(await fleet.ferry("ca", "issue-caller", "controller", "--out", out), { code: 2 });
    t.match(await fleet.ferry("ca", "init"), { code: 6, stderr: /every device would have to enrol again/ });
    t.match(await fleet.ferry("broker", "config", "mosquitto", "--out", out), { code: 0, stdout: /mosquitto\.conf/ });
    t.match(await fleet.ferry("broker", "config", "hivemq", "--out", out), { code: 2 });
  });
});
