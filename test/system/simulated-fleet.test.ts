/** `ferry-agent simulate` against a real controller: a fleet on one machine, and rollouts over it. */
import t from "tap";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFleet } from "../support/fleet.ts";
import { runProgram, startProgram } from "../support/programs.ts";
import { until } from "../support/until.ts";

const COUNT = 8;
const digits = new URL("../../examples/digits", import.meta.url).pathname;

interface Device {
  readonly id: string;
  readonly online: boolean;
}

t.test(
  "simulated devices join with tokens, take a good version and give a bad one back",
  { timeout: 180_000 },
  async (t) => {
    const directory = t.testdir();
    await using fleet = await openFleet({ directory, devices: [] });
    await fleet.startController();
    const names = Array.from({ length: COUNT }, (_, at) => `sim-${String(at)}`);
    const tokens: string[] = [];
    for (const name of names) {
      const { token } = (await fleet.ferryJson("device", "invite", name)) as { token: string };
      tokens.push(token);
    }
    writeFileSync(join(directory, "tokens"), `${tokens.join("\n")}\n`);
    const wanted = ["simulate", "--count", String(COUNT), "--tokens", join(directory, "tokens")];
    const more = ["--root-pin", fleet.rootPin, "--dir", join(directory, "devices"), "--bad", "digits@1.1.0=errors"];
    await using devices = startProgram("ferry-agent", [...wanted, ...more, "--no-transfer"]);
    const online = async () =>
      ((await fleet.ferryJson("device", "list")) as Device[]).filter((one) => one.online).length;
    await until("all of them are online", async () => (await online()) === COUNT, { timeoutMs: 60_000 });
    t.match(devices.output(), /Simulated: runners/);

    for (const version of ["1.0.0", "1.1.0"]) {
      const folder = join(directory, `digits-${version}`);
      cpSync(join(digits, `v${version}`), folder, { recursive: true });
      for (const verb of ["sign", "push"]) {
        const { code, stderr } = await fleet.ferry("bundle", verb, folder);
        t.equal(code, 0, stderr);
      }
    }
    const create = (version: string, ...flags: readonly string[]) =>
      fleet.ferry("rollout", "create", `digits@${version}`, "--all", "--yes", "--watch", ...flags);
    const good = await create("1.0.0");
    t.equal(good.code, 0, good.stdout + good.stderr);
    const bad = await create("1.1.0", "--stages", "25%,100%", "--device-soak", "30s", "--abort-if-failed", "10%");
    t.equal(bad.code, 1, bad.stdout + bad.stderr);
    const served = await fleet.ferryJson("device", "list");
    t.notMatch(JSON.stringify(served), "digits@1.1.0", "nobody serves the bad version any more");
  },
);

t.test("a fleet that cannot join says what is missing", async (t) => {
  const dir = join(t.testdir(), "devices");
  const { code, stderr } = await runProgram("ferry-agent", ["simulate", "--count", "2", "--dir", dir]);
  t.equal(code, 2);
  t.match(stderr, /sim-0001 has not joined yet/);
  t.match(stderr, /--root-pin/);
  const tooFew = join(t.testdir({ tokens: "one\n" }), "tokens");
  const short = await runProgram("ferry-agent", ["simulate", "--count", "2", "--dir", dir, "--tokens", tooFew]);
  t.equal(short.code, 2);
  t.match(short.stderr, /has 1 tokens, and 2 devices are to join/);
});
