/** A controller and two devices as real processes: an experiment between two versions of digits, one of which is wrong more often. */
import t, { type Test } from "tap";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { controllerPaths } from "../../controller/config.ts";
import { createClient, type Client } from "../../controller/http/client.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { copyDigits } from "../support/bundles.ts";
import { readDigits } from "../support/digits.ts";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { swapLabels } from "../support/swapped-labels.ts";
import { until } from "../support/until.ts";

const DEVICES = ["cam-1", "cam-2"].map((id) => ({ id, labels: [] }));
const slow = { timeoutMs: 60_000 };
/** Of each device: one in five of B's answers is wrong, which a few hundred show. */
const REQUESTS = 600;

/** 1.3.0: it has two labels the wrong way round. */
function wrongDigits(directory: string): string {
  copyDigits(directory, "1.1.0");
  swapLabels(directory, 3, 8);
  const file = join(directory, "model.json");
  const model = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...model, version: "1.3.0" }));
  return directory;
}

async function push(fleet: Fleet, directory: string): Promise<void> {
  for (const verb of ["sign", "push"]) {
    const { code, stderr } = await fleet.ferry("bundle", verb, directory);
    if (code !== 0) throw new Error(`ferry bundle ${verb}: ${stderr}`);
  }
}

/** Asks about one digit after another, and tells what each was. Gives how many of the answers were each version's. */
async function askAndTell(url: string, device: string): Promise<Record<string, number>> {
  const digits = readDigits();
  const versions: Record<string, number> = {};
  const feedback: { id: string; label: string }[] = [];
  for (let at = 0; at < REQUESTS; at += 1) {
    const digit = digits[at % digits.length];
    const id = `${device}-${at}`;
    const body = { id, inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: digit?.pixels }] };
    const response = await fetch(`${url}/v2/models/digits/infer`, { method: "POST", body: JSON.stringify(body) });
    const { model_version: version } = (await response.json()) as { model_version: string };
    versions[version] = (versions[version] ?? 0) + 1;
    feedback.push({ id, label: digit?.label ?? "" });
  }
  const told = await fetch(`${url}/v2/models/digits/feedback`, { method: "POST", body: JSON.stringify({ feedback }) });
  const { joined } = (await told.json()) as { joined: number };
  if (joined !== REQUESTS) throw new Error(`${joined} of ${REQUESTS} truths were joined`);
  return versions;
}

async function phaseOf(client: Client, device: string) {
  const { report } = await client.getDevice({ params: { device: device as DeviceId } });
  return report?.slots.find(({ slot }) => slot === "digits");
}

t.test("an experiment names the version that is right more often", { timeout: 300_000 }, async (t: Test) => {
  const directory = t.testdir();
  await using fleet = await openFleet({ directory, devices: DEVICES });
  await fleet.startController();
  await Promise.all(fleet.devices.map((one) => one.start()));
  const client = createClient(fleet.controllerUrl, {
    token: readLocalToken(controllerPaths(fleet.home).operatorToken),
  });
  await push(fleet, copyDigits(join(directory, "digits-1.0.0"), "1.0.0"));
  await push(fleet, wrongDigits(join(directory, "digits-1.3.0")));
  const [model, version] = ["digits" as ModelName, "1.0.0" as ModelVersion];
  const { rollout } = await client.createRollout({ body: { model, version, selector: "", deviceSoakMs: 0 } });
  const isOver = async () => {
    const { rollout: seen } = await client.getRollout({ params: { id: rollout.id }, query: { devices: 1 } });
    return seen.state === "completed";
  };
  await until("both serve A, and nothing else wants them", isOver, slow);

  const dry = await fleet.ferry("experiment", "create", "digits@1.3.0", "--all", "--dry-run");
  t.match(dry, { code: 0, stdout: /A 1\.0\.0, B 1\.3\.0 with 50 % of the requests\n +2 devices take part/ });
  const made = await fleet.ferry("experiment", "create", "digits@1.3.0", "--all", "--metric", "accuracy:2%", "--yes");
  t.match(made, { code: 0, stdout: /experiment digits-1\.3\.0 has begun/, stderr: /next: ferry experiment status/ });
  const isSplit = async () =>
    (await Promise.all(DEVICES.map(({ id }) => phaseOf(client, id)))).every(
      (slot) => slot?.phase === "soaking" && slot.soak?.traffic?.kind === "split",
    );
  await until("both split", isSplit, slow);
  const answers = await Promise.all(fleet.devices.map(({ id, url }) => askAndTell(url, id)));
  for (const counts of answers) {
    // Five standard deviations of a half.
    t.ok(Math.abs((counts["1.3.0"] ?? 0) - REQUESTS / 2) < 2.5 * Math.sqrt(REQUESTS), JSON.stringify(counts));
  }

  const params = { experiment: "digits-1.3.0" };
  const found = await until(
    "the verdict is there",
    async () => {
      const detail = await client.getExperiment({ params });
      return detail.results.advice === "keep" && detail;
    },
    slow,
  );
  t.match(found.results, {
    verdict: /^B \(1\.3\.0\) answers .* points less rightly: keep A\.$/,
    metrics: [{ metric: "accuracy", verdict: "worse" }],
    sampleRatio: { verdict: /sound|open/ },
  });
  const shown = await fleet.ferry("experiment", "status", "digits-1.3.0");
  t.match(shown, {
    code: 0,
    stdout: /accuracy +\S+ % +\S+ % .*worse/,
    stderr: /next: ferry experiment stop digits-1\.3\.0\n/,
  });
  t.match((await fleet.ferry("accuracy", "digits")).stdout, /digits@1\.3\.0[\s\S]*taken for .*3 → 8/);

  const stopped = await fleet.ferry("experiment", "stop", "digits-1.3.0", "--yes");
  t.match(stopped, { code: 0, stdout: /1\.0\.0 is kept/ });
  t.match(await fleet.ferry("experiment", "stop", "digits-1.3.0"), { code: 0, stdout: /has ended already, kept/ });
  const isBack = async () =>
    (await Promise.all(DEVICES.map(({ id }) => phaseOf(client, id)))).every(
      (slot) => slot?.phase === "committed" && slot.active?.version === "1.0.0",
    );
  await until("both are back on A", isBack, slow);
  t.match((await client.getExperiment({ params })).results, { advice: "keep" }, "what was found stays");
});
