import t from "tap";
import { join } from "node:path";
import { openFleet } from "../../support/fleet.ts";
import { startProgram } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

t.test(
  "from a device that asks to a model's place in the fleet, on both command lines",
  { timeout: 240_000 },
  async (t) => {
    const directory = t.testdir();
    await using fleet = await openFleet({ directory, devices: [] });
    await fleet.startController();
    const { ferry, ferryJson } = fleet;
    const nobody = await ferry("device", "pending");
    const [, line = ""] = /\n\s+ferry-agent (join .*) --id DEVICE/.exec(nobody.stderr) ?? [];
    t.match(line, /^join --controller https:\S+ --ca-pin [0-9a-f]{64} --root-pin [0-9a-f]{64}$/, "says how one asks");
    const { stdout: caPin } = await ferry("ca", "show", "-o", "name");
    t.ok(line.includes(caPin.trim()), "the pin is also told without the controller");
    const asking = (id: string, folder: string) =>
      startProgram("ferry-agent", [...line.split(" "), "--id", id, "--dir", join(directory, folder)]);
    const shownKey = (program: ReturnType<typeof asking>) =>
      until("the device shows its key", () => /\n\s+([0-9a-f]{64})\n/.exec(program.output())?.[1]);

    await t.test("the operator must say which key is meant, and then the device has joined", async (t) => {
      await using device = asking("cam-1", "one");
      const key = await shownKey(device);
      t.match(await ferry("device", "approve", "cam-1"), { code: 2, stderr: new RegExp(`--fingerprint.*${key}`) });
      t.match(await ferry("device", "approve", "cam-1", "--fingerprint", "00ff"), { code: 2 });
      const wrong = key.startsWith("0") ? "1".repeat(16) : "0".repeat(16);
      t.match(await ferry("device", "approve", "cam-1", "--fingerprint", wrong), { code: 3, stderr: /another key/ });
      await using impostor = asking("cam-1", "two");
      const other = await shownKey(impostor);
      t.match(await ferry("device", "approve", "cam-1"), {
        code: 6,
        stderr: new RegExp(`2 keys wait[\\s\\S]*${other}`),
      });
      t.match(await ferry("device", "approve", "cam-1", "--fingerprint", key.slice(0, 16)), { code: 0 });
      await until("it has joined", () => !device.running());
      t.match(device.output(), /cam-1 has joined the fleet demo/);
      t.match(await ferry("device", "pending"), { code: 0, stdout: /another key: would replace it/ });
      t.match(await ferry("device", "reject", "cam-1"), { code: 0, stdout: new RegExp(other) });
      await until("the impostor was told", () => !impostor.running());
      t.match(impostor.output(), /an operator said no/);
    });

    await t.test("an approver may decide, and a viewer may not", async (t) => {
      await using device = asking("cam-2", "three");
      const key = await shownKey(device);
      const tokenOf = async (role: string) => {
        const { token } = (await ferryJson("operator", "add", `the-${role}`, "--role", role)) as { token: string };
        return token;
      };
      const decision = (token: string) =>
        fetch(`${fleet.controllerUrl}/api/v1/devices/cam-2/rejection`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ fingerprint: key }),
        });
      t.equal((await decision(await tokenOf("viewer"))).status, 403);
      t.equal((await decision(await tokenOf("approver"))).status, 200);
    });

    await t.test("each decision stands in the audit log with the device that it is about", async (t) => {
      const entries = (await ferryJson("events", "--audit")) as Record<string, unknown>[];
      const decided = entries.filter(
        ({ action, outcome }) => /^(approve|reject)Device$/.test(String(action)) && outcome === "done",
      );
      t.match(decided, [
        { action: "approveDevice", actor: "local", target: "cam-1", detail: /^the key [0-9a-f]{64}$/ },
        { action: "rejectDevice", actor: "local", target: "cam-1" },
        { action: "rejectDevice", actor: "the-approver", target: "cam-2" },
      ]);
    });

    await t.test("an application gets no device's name, and a device none of an application", async (t) => {
      const out = join(directory, "tls");
      for (const name of ["cam-1"]) {
        t.match(await ferry("ca", "issue-caller", name, "--out", out), { code: 6, stderr: /name of a device/ }, name);
      }
      t.match(await ferry("device", "invite", "cam-8"), { code: 0 });
      t.match(await ferry("ca", "issue-caller", "cam-8", "--out", out), { code: 6 }, "one that is to join counts");
      t.match(await ferry("ca", "issue-caller", "line-app", "--out", out), { code: 0 });
      t.match(await ferry("device", "invite", "line-app"), { code: 6, stderr: /name of an application/ });
    });

    await t.test("a name that the database does not know is revoked on purpose only", async (t) => {
      t.match(await ferry("device", "revoke", "cam-77"), { code: 3, stderr: /--force/ });
      t.match(await ferry("device", "revoke", "cam-77", "--force"), { code: 0, stdout: /may not connect any more/ });
      t.match(await ferry("device", "revoke", "controller", "--force"), { code: 2 });
      t.match(await ferry("ca", "issue-caller", "cam-77", "--out", join(directory, "tls")), { code: 6 });
    });
  },
);
