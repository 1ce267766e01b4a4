/** What is told to an Alertmanager, held by a real one: Debian's. */
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { systemClock } from "../../../common/clock.ts";
import { send } from "../../../controller/alerts/deliver.ts";
import type { Telling } from "../../../controller/alerts/what-to-tell.ts";
import { alertFiring } from "../../support/alerts.ts";
import { FLEET } from "../../support/device-views.ts";
import { answers, freePorts } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const ALERTMANAGER = "/usr/bin/prometheus-alertmanager";
const absent = existsSync(ALERTMANAGER)
  ? false
  : "an Alertmanager is absent: apt-get install -y --no-install-recommends prometheus-alertmanager";

interface Known {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: { readonly state: string };
}

t.test("an Alertmanager takes what fires, and lets go of what is over", { skip: absent }, async (t) => {
  const directory = t.testdir();
  const [port = 0] = await freePorts(1);
  const config = join(directory, "alertmanager.yml");
  writeFileSync(config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
  const args = [`--config.file=${config}`, `--storage.path=${directory}`, `--web.listen-address=127.0.0.1:${port}`];
  const program = spawn(ALERTMANAGER, [...args, "--cluster.listen-address="], { stdio: "ignore" });
  t.teardown(() => program.kill());
  const url = `http://127.0.0.1:${port}`;
  await until("it is up", () => answers(`${url}/-/ready`));
  const known = async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly Known[];
  const tell = (tellings: readonly Telling[]) => {
    const ports = { fleet: FLEET, externalUrl: "http://127.0.0.1:8470", clock: systemClock };
    return send(ports, { name: "main", kind: "alertmanager", url }, tellings, new AbortController().signal);
  };
  const alerts = ["cam-1", "cam-2"].map((device) => {
    const nowMs = Date.now();
    return { ...alertFiring(device), sinceMs: nowMs - 900_000, firedMs: nowMs - 60_000 };
  });

  await tell(alerts.map((alert) => ({ alert, status: "firing" })));
  const both = await until("both are there", async () => {
    const told = await known();
    return told.length === 2 && told;
  });
  t.match(both.map(({ labels }) => labels["device"]).sort(), ["cam-1", "cam-2"]);
  t.match(both[0], { labels: { alertname: "device-offline", severity: "warning" }, status: { state: "active" } });

  const [first] = alerts;
  if (first === undefined) throw new Error("there are two alerts");
  await tell([{ alert: { ...first, phase: "resolved", resolvedMs: Date.now() - 1_000 }, status: "resolved" }]);
  const left = await until("one is over", async () => {
    const told = await known();
    return told.length === 1 && told;
  });
  t.match(left, [{ labels: { device: "cam-2" } }]);
});
