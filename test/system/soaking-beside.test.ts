/** A controller, a device and its runners as real processes: a version soaks beside the one that answers, under load. */
import t, { type Test } from "tap";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { controllerPaths } from "../../controller/config.ts";
import { createClient, type Client } from "../../controller/http/client.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { copyDigits } from "../support/bundles.ts";
import { readDigits } from "../support/digits.ts";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { swapLabels } from "../support/swapped-labels.ts";
import { runnersOf } from "../support/processes.ts";
import { until } from "../support/until.ts";

const DEVICES = ["cam-1", "cam-2"].map((id) => ({ id, labels: [] }));
const VERSIONS = ["1.0.0", "1.1.0"] as const;
/** Long enough for everything that a test does meanwhile. */
const LONG_MS = 900_000;
/** How long a gate may take to say no on a busy machine. */
const GATE_MS_MAX = 120_000;
/** Each asked again and again. */
const KEYS = Array.from({ length: 200 }, (_, at) => `camera-${at}`);

interface Answer {
  readonly key: string;
  readonly version: string;
}

/** Asks about one digit after another, each with a key, until stopped. */
function startAsking(url: string) {
  const digits = readDigits();
  const stop = new AbortController();
  const answers: Answer[] = [];
  const failures: string[] = [];
  async function ask(at: number): Promise<void> {
    const key = KEYS[at % KEYS.length] ?? "";
    const data = digits[at % digits.length]?.pixels;
    const body = { inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data }], parameters: { key } };
    const response = await fetch(`${url}/v2/models/digits/infer`, { method: "POST", body: JSON.stringify(body) });
    const said = (await response.json()) as { model_version?: string; error?: string };
    if (said.model_version === undefined) failures.push(`${response.status} ${said.error ?? ""}`);
    else answers.push({ key, version: said.model_version });
  }
  const running = (async () => {
    for (let at = 0; !stop.signal.aborted; at += 1) {
      await ask(at).catch((error: unknown) => failures.push(String(error)));
      // A device that is busy, and has time left.
      await sleep(12);
    }
  })();
  return {
    answers,
    failures,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

async function push(fleet: Fleet, directory: string): Promise<void> {
  for (const verb of ["sign", "push"]) {
    const { code, stderr } = await fleet.ferry("bundle", verb, directory);
    if (code !== 0) throw new Error(`ferry bundle ${verb}: ${stderr}`);
  }
}

/** 1.2.0: every label is off by one, and its own golden set says so too. */
function badDigits(directory: string): string {
  copyDigits(directory, "1.1.0");
  for (let label = 0; label < 9; label += 1) swapLabels(directory, label, label + 1);
  const file = join(directory, "model.json");
  const model = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...model, version: "1.2.0" }));
  return directory;
}

async function soakOf(client: Client, kind: SoakTraffic["kind"]) {
  const { report } = await client.getDevice({ params: { device: "cam-1" as never } });
  const slot = report?.slots.find(({ slot: name }) => name === "digits");
  const isSoaking = slot?.phase === "soaking" && slot.soak?.traffic?.kind === kind;
  return isSoaking ? { ...slot.soak, active: slot.active } : undefined;
}

async function reaches(client: Client, id: number, state: string) {
  return until(
    `rollout ${id} is ${state}`,
    async () => {
      const detail = await client.getRollout({ params: { id }, query: { devices: 100 } });
      return detail.rollout.state === state && detail;
    },
    { timeoutMs: GATE_MS_MAX },
  );
}

const rollout = (version: string, more: Partial<RolloutRequest>): RolloutRequest => ({
  model: "digits" as ModelName,
  version: version as ModelVersion,
  selector: "",
  gates: [],
  ...more,
});

t.test("a version soaks beside the one that answers", { timeout: 600_000 }, async (t: Test) => {
  const directory = t.testdir();
  await using fleet = await openFleet({ directory, devices: DEVICES });
  await fleet.startController();
  const [device] = fleet.devices;
  if (device === undefined) throw new Error("there are two devices");
  await Promise.all(fleet.devices.map((one) => one.start()));
  const client = createClient(fleet.controllerUrl, {
    token: readLocalToken(controllerPaths(fleet.home).operatorToken),
  });
  for (const version of VERSIONS) await push(fleet, copyDigits(join(directory, `digits-${version}`), version));
  await push(fleet, badDigits(join(directory, "digits-bad")));
  const first = await client.createRollout({ body: rollout("1.0.0", { deviceSoakMs: 0 }) });
  await reaches(client, first.rollout.id, "completed");

  await t.test(
    "as a shadow it answers nothing, its gate finds it bad, and it ends; killing it fails nobody",
    async (t) => {
      const asking = startAsking(device.url);
      const beside = fleet.devices.slice(1).map(({ url }) => startAsking(url));
      const gates = [{ metric: "agreement_top1", min: 0.98, minSamples: 50 }];
      const body = rollout("1.2.0", { mode: { kind: "shadow", share: 1 }, gates, deviceSoakMs: LONG_MS });
      const { rollout: made } = await client.createRollout({ body });
      await until("the shadow has begun", async () => (await soakOf(client, "shadow")) !== undefined, {
        timeoutMs: GATE_MS_MAX,
      });
      // Its gate would end it within seconds, before anybody could look.
      t.match(await fleet.ferry("rollout", "pause", String(made.id)), { code: 0 });
      const soak = await until(
        "copies are compared",
        async () => {
          const seen = await soakOf(client, "shadow");
          return (seen?.compared ?? 0) > 50 && seen;
        },
        { timeoutMs: GATE_MS_MAX },
      );
      t.match(soak, { traffic: { kind: "shadow", share: 1 }, active: { version: "1.0.0" } });
      t.ok((soak.alike ?? 0) < (soak.compared ?? 0), "it is wrong");
      const shown = await fleet.ferry("device", "show", "cam-1");
      t.match(shown.stdout, /wished +digits@1\.2\.0 .*\(shadow\)[\s\S]*soaking: shadow, \d+ copies, 0 failed .* alike/);
      const youngest = runnersOf(device.program().pid).at(-1);
      if (youngest !== undefined) process.kill(youngest, "SIGKILL");
      t.match(await fleet.ferry("rollout", "resume", String(made.id)), { code: 0 });
      const over = await reaches(client, made.id, "rolled-back");
      t.match(over.rollout.why, /gate agreement_top1 failed/);
      await until("its process ends", () => runnersOf(device.program().pid).length === 1);
      await Promise.all([asking, ...beside].map((one) => one.stop()));
      t.same(
        [asking, ...beside].flatMap(({ failures }) => failures),
        [],
      );
      t.same([...new Set(asking.answers.map(({ version }) => version))], ["1.0.0"]);
    },
  );

  await t.test("in a split it answers its share, each key one version, and then everything", async (t) => {
    const asking = startAsking(device.url);
    const gates = [{ metric: "error_rate", max: 0.01, minSamples: 20 }];
    const body = rollout("1.1.0", { mode: { kind: "split", share: 0.2 }, gates, deviceSoakMs: 25_000 });
    const { rollout: made } = await client.createRollout({ body });
    await until("the split has begun", async () => (await soakOf(client, "split")) !== undefined, {
      timeoutMs: GATE_MS_MAX,
    });
    const from = asking.answers.length;
    await until("each key was asked twice", () => asking.answers.length > from + 2.5 * KEYS.length, {
      timeoutMs: 60_000,
    });
    const seen = asking.answers.slice(from + 10, from + 10 + 2 * KEYS.length);
    t.ok((await soakOf(client, "split")) !== undefined, "it still soaks");
    const versionsOf = Map.groupBy(seen, ({ key }) => key);
    const mixed = [...versionsOf.values()].filter((of) => new Set(of.map(({ version }) => version)).size > 1);
    t.same(mixed, [], "one version for each key");
    const share = seen.filter(({ version }) => version === "1.1.0").length / seen.length;
    // Three standard deviations of a fifth of 200 keys.
    t.ok(Math.abs(share - 0.2) < 0.085, `${share} of the requests`);
    const over = await reaches(client, made.id, "completed");
    t.match(over.gates?.results, [{ metric: "error_rate", verdict: "pass" }]);
    const last = asking.answers.length;
    await until("some more are answered", () => asking.answers.length > last + 50);
    await asking.stop();
    t.same(asking.failures, []);
    t.same([...new Set(asking.answers.slice(last + 1).map(({ version }) => version))], ["1.1.0"]);
  });

  await t.test("what was true of a prediction is told by its id, and comes back with the telemetry", async (t) => {
    const [digit] = readDigits();
    const input = join(directory, "digit.json");
    writeFileSync(input, JSON.stringify({ inputs: { pixels: [digit?.pixels] } }));
    const asked = await fleet.ferry("predict", "cam-1", "digits", "--input", input, "--id", "r-1");
    t.match(asked, { code: 0, stdout: /digits@1\.1\.0 answered in .* r-1/ });
    const told = await fleet.ferry("feedback", "cam-1", "digits", "r-1", digit?.label ?? "");
    t.match(told, { code: 0, stdout: /1 prediction judged\n/ });
    const again = await fleet.ferry("feedback", "cam-1", "digits", "r-1", digit?.label ?? "");
    t.match(again, { code: 0, stdout: /0 predictions judged, 1 known already/ });
    const unknown = await fleet.ferry("feedback", "cam-1", "digits", "r-9", "3");
    t.match(unknown, { code: 3, stdout: /1 of unknown predictions\n +r-9 +No prediction with this id is remembered/ });
    const unfit = await fleet.ferry("feedback", "cam-1", "digits", "r-1");
    t.match(unfit, { code: 2, stderr: /Which prediction, and what was true/ });
    const said = await (await fetch(`${device.url}/v2/models/digits/feedback`)).json();
    t.match(said, { versions: [{ version: "1.1.0", judged: 1, accuracy: 1 }] });
    await until(
      "the report has it",
      async () => (await fleet.ferry("report", "fleet")).stdout.includes("100 % of 1 right"),
      { timeoutMs: 60_000 },
    );
  });
});
