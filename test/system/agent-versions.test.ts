/** Versions of the agent that do not get well, rolled out to a fleet of real processes: what stops, and what a person reads. */
import { join } from "node:path";
import t from "tap";
import { createClient, type Client } from "../../controller/http/client.ts";
import { controllerPaths } from "../../controller/config.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { DeviceId, ModelVersion } from "../../protocol/ids.ts";
import { agentBundleFolder, installedAgent, type Behaviour } from "../support/agent-versions.ts";
import { openFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

t.setTimeout(240_000);

/** On a machine with much else to do three versions take their time to be tested, started, and taken back. */
const STOPS_MS_MAX = 120_000;

const OLD = "0.1.0";

interface Bad {
  readonly version: string;
  readonly behaviour: Behaviour;
  /** What it goes to first; `after` would have been next. */
  readonly device: string;
  readonly after: readonly string[];
  readonly why: RegExp;
}

/** `scripts/crash-points` asks for one that hangs, too: `killed.test.ts` has it in each run. */
const IS_ALL = process.env["FERRY_OWN_STEPS"] === "all";

const HANGS: Bad = {
  version: "0.3.0",
  behaviour: "hangs",
  device: "cam-2",
  after: [],
  why: /taken back: it was not well after 4 s: it did not even open its databases/,
};

const BAD: readonly Bad[] = [
  {
    version: "0.2.0",
    behaviour: "crashes",
    device: "cam-1",
    after: ["cam-4"],
    why: /taken back: it was started 3 times, and ended before it was good: exit status 3/,
  },
  ...(IS_ALL ? [HANGS] : []),
  {
    version: "0.4.0",
    behaviour: "never-connects",
    device: "cam-3",
    after: [],
    why: /taken back: it was not well after 4 s: it opened its databases, and heard no deployment of its controller/,
  },
];
const DEVICES = [...new Set(BAD.flatMap(({ device, after }) => [device, ...after]))];

t.test("a version that crashes or reaches nobody is taken back, told, and stops its rollout", async (t) => {
  const base = t.testdir();
  const programs = await Promise.all(DEVICES.map((id) => installedAgent(base, OLD, `program-${id}`)));
  const devices = DEVICES.map((id, at) => ({
    id,
    labels: BAD.some(({ device }) => device === id) ? ["turn=first"] : [],
    launcher: { file: join(programs[at] ?? "", "launch"), env: { FERRY_AGENT_HEALTHY_SECONDS: "4" } },
  }));
  await using fleet = await openFleet({ directory: join(base, "fleet"), devices });
  await fleet.startController();
  await Promise.all(fleet.devices.map((device) => device.start()));
  const client = createClient(fleet.controllerUrl, {
    token: readLocalToken(controllerPaths(fleet.home).operatorToken),
  });
  for (const { version, behaviour } of BAD) {
    const folder = await agentBundleFolder(base, version, behaviour);
    for (const verb of ["sign", "push"]) {
      const { code, stderr } = await fleet.ferry("bundle", verb, folder);
      if (code !== 0) throw new Error(`ferry bundle ${verb}: ${stderr}`);
    }
  }
  await until("all are online", async () => (await versionsOnline(client)).length === DEVICES.length);

  const rollouts = await Promise.all(
    BAD.map(async ({ version, device, after }) => {
      const { rollout } = await client.createRollout({
        body: {
          model: AGENT_NAME,
          version: version as ModelVersion,
          devices: [device, ...after] as DeviceId[],
          stages: [
            { name: "first", take: { kind: "selector", selector: "turn=first" }, soakMs: 0, approval: "none" },
            { name: "rest", take: { kind: "share", share: 1, min: 1 }, soakMs: 0, approval: "none" },
          ],
          abort: { failedShareMax: 0, devicesMin: 1, then: "pause" },
        },
      });
      return rollout.id;
    }),
  );
  for (const [at, { version, device, after, why }] of BAD.entries()) {
    const id = rollouts[at] ?? 0;
    const detail = await until(
      `the rollout of ${version} has stopped`,
      async () => {
        const found = await client.getRollout({ params: { id }, query: { devices: 10 } });
        return found.rollout.state !== "running" && found;
      },
      { timeoutMs: STOPS_MS_MAX },
    );
    t.equal(detail.rollout.state, "paused", version);
    t.match(
      detail.devices.find((one) => one.device === device),
      { state: "failed", why },
      version,
    );
    for (const next of after)
      t.match(
        detail.devices.find((one) => one.device === next),
        { state: "waiting" },
        next,
      );
    const shown = await fleet.ferry("rollout", "status", String(id));
    t.match(shown.stdout, /agent-unhealthy/, `${version}: the reason is what a person reads`);
  }
  await until("all are back", async () => {
    const versions = await versionsOnline(client);
    return versions.length === DEVICES.length && versions.every((version) => version === OLD);
  });
});

async function versionsOnline(client: Client): Promise<(string | undefined)[]> {
  const { devices } = await client.listDevices({ query: {} });
  return devices.filter(({ online }) => online).map(({ agentVersion }) => agentVersion);
}
