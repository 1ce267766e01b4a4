/** A controller and a device as real processes: what a model is given changes, and the fleet's owner is told what and how much. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { AnomalyVerdict } from "../../controller/drift/anomaly-shape.ts";
import type { DriftVerdict } from "../../controller/drift/drift-shape.ts";
import type { Rollout } from "../../controller/http/rollout-routes.ts";
import { copyDigits } from "../support/bundles.ts";
import { askOverBinary, readDigits, type Digit } from "../support/digits.ts";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const slow = { timeoutMs: 60_000 };
const REFERENCE_SAMPLES = 1_000;
const REQUESTS = 400;

const CANARY = `apiVersion: modelferry/v1
kind: Rollout
metadata: { name: digits-1-1 }
spec:
  bundle: digits@1.1.0
  devices: [cam-1, cam-2]
  deviceSoak: 0s
  stages:
    - { name: canary, selector: canary, soak: 3s }
    - { take: 100% }
  gates:
    - { metric: drift_psi, calibrated: true }
`;

/** Digits as a camera with some noise sees them, one after another; `light` dims them. */
function seen(count: number, seed: number, light = 1): Digit[] {
  const digits = readDigits();
  let state = seed;
  // Numerical Recipes' generator: noise of up to two of sixteen grey levels.
  const noise = () => (2 * (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)) / 2 ** 32;
  return Array.from({ length: Math.ceil(count / digits.length) }, () => digits)
    .flat()
    .slice(0, count)
    .map((digit) => ({
      ...digit,
      pixels: digit.pixels.map((pixel) => Math.round(100 * light * Math.min(16, pixel + noise())) / 100),
    }));
}

async function succeeds(fleet: Fleet, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await fleet.ferry(...args);
  if (code !== 0) throw new Error(`ferry ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

t.test(
  "a change of light is named as drift, unusual pictures as such, and a report names all",
  { timeout: 300_000 },
  async (t: Test) => {
    const directory = t.testdir();
    await using fleet = await openFleet({ directory, devices: ["cam-1", "cam-2"].map((id) => ({ id, labels: [] })) });
    const [device, other] = fleet.devices;
    if (device === undefined || other === undefined) throw new Error("there are two devices");
    await fleet.startController();
    await Promise.all([device.start(), other.start()]);
    await device.program().stop();
    const config = join(device.directory, "agent.json");
    const settings = JSON.parse(readFileSync(config, "utf8")) as object;
    writeFileSync(config, JSON.stringify({ ...settings, driftWindowMs: 1_000 }));
    await device.start();

    const bundle = copyDigits(join(directory, "digits-1.0.0"), "1.0.0");
    const samples = join(directory, "validation.csv");
    writeFileSync(
      samples,
      seen(REFERENCE_SAMPLES, 1)
        .map(({ pixels }) => pixels.join(","))
        .join("\n"),
    );
    t.match(await succeeds(fleet, "bundle", "baseline", bundle, "--from", samples), /1,?000 samples/);
    await succeeds(fleet, "bundle", "sign", bundle);
    await succeeds(fleet, "bundle", "push", bundle);
    await succeeds(fleet, "rollout", "create", "digits@1.0.0", "--all", "--yes", "--watch", "--device-soak", "0s");

    const ask = async (digits: readonly Digit[]) => {
      for (const digit of digits) await askOverBinary(device.url, digit);
    };
    const status = async () => (await fleet.ferryJson("drift", "status")) as readonly DriftVerdict[];
    const told = (verdicts: readonly DriftVerdict[]) => verdicts.find(({ feature }) => feature === "pixels[20]");

    await ask(seen(REQUESTS, 2));
    const calm = await until(
      "the device has told of its inputs",
      async () => {
        const verdicts = await status();
        if ((told(verdicts)?.samples ?? 0) >= 200) return verdicts;
        // A busy machine looks at every second or fourth example only.
        await ask(seen(REQUESTS / 4, 5));
        return false;
      },
      slow,
    );
    t.match(told(calm), { slot: "digits", version: "1.0.0", role: "input", reference: "bundle", state: "steady" });
    const alarms = calm.filter(({ isDrifting }) => isDrifting).map(({ feature }) => feature);
    t.ok(alarms.length <= 2, `of some 66 features at most one or two by chance, not ${alarms.join(", ")}`);

    await ask(seen(2 * REQUESTS, 3, 0.4));
    const dark = await until(
      "the change is seen",
      async () => {
        const verdicts = await status();
        if (told(verdicts)?.isDrifting === true) return verdicts;
        await ask(seen(REQUESTS / 4, 6, 0.4));
        return false;
      },
      slow,
    );
    t.ok(dark.filter(({ isDrifting }) => isDrifting).length > 20, "most pixels are darker");
    const { stdout, stderr } = await fleet.ferry("drift", "status", "digits");
    t.match(stdout, /digits@1\.0\.0 +pixels\[\d+\] +input +drifting/);
    t.match(stderr, /drift: /);
    await ask(seen(REQUESTS / 2, 4).map((digit) => ({ ...digit, pixels: digit.pixels.map((pixel) => 40 - pixel) })));
    const [inverted] = await until(
      "the pictures are unusual one by one, too",
      async () => {
        const anomalies = (await fleet.ferryJson("anomalies", "digits")) as readonly AnomalyVerdict[];
        return anomalies[0]?.state === "anomalous" && anomalies;
      },
      slow,
    );
    t.match(inverted, { slot: "digits", device: "cam-1", expectedShare: 0.01, sentence: /on cam-1: .* 1 % is normal/ });
    t.ok(inverted?.farthest.some(({ feature }) => /^pixels\[\d+\]$/.test(feature)));
    t.match(await succeeds(fleet, "anomalies"), /digits@1\.0\.0 +cam-1 +anomalous +\d+/);
    t.match(await succeeds(fleet, "drift", "show", "digits", "pixels[20]"), /reference \(bundle, 1,?000\)/);

    await t.test("a canary that is given something else than its baseline is stopped and taken back", async (t) => {
      const next = copyDigits(join(directory, "digits-1.1.0"), "1.1.0");
      await succeeds(fleet, "bundle", "sign", next);
      await succeeds(fleet, "bundle", "push", next);
      await succeeds(fleet, "device", "label", "cam-1", "canary=yes");
      const file = join(directory, "rollout.yaml");
      writeFileSync(file, CANARY);
      await succeeds(fleet, "apply", "-f", file, "--yes");
      const why = await until(
        "the rollout is taken back",
        async () => {
          await ask(seen(REQUESTS / 8, 7, 0.4));
          const [rollout] = (await fleet.ferryJson("get", "rollout", "digits-1-1")) as readonly Rollout[];
          return rollout?.state === "rolled-back" && rollout.why;
        },
        slow,
      );
      t.match(why, /^stage canary: gate drift_psi failed: drift_psi of \S+ [\d.]+ is surely above the limit/);
      const [digit] = seen(1, 8);
      if (digit === undefined) throw new Error("there are digits");
      t.match(await askOverBinary(device.url, digit), { version: "1.0.0" });
    });

    // One device breaks down, and the other's outbox is damaged: what it had not sent is a gap.
    await other.program().stop("SIGKILL");
    await device.program().stop();
    writeFileSync(join(device.directory, "telemetry.db"), "this is no database");
    await device.start();
    const report = join(directory, "fleet.html");
    const text = await until(
      "the report names the device that is away, the model that drifts and the gap",
      async () => {
        const told = await succeeds(fleet, "report", "fleet", "--window", "24h");
        return told.includes("1 of 2 devices offline (cam-2)") && /declared gaps; .*cam-1/.test(told) && told;
      },
      slow,
    );
    t.match(text, /digits@1\.0\.0 drifts: .* the bundle's baseline .*\(cam-1\)/);
    t.match(text, /of what digits@1\.0\.0 is given on cam-1 is unusual/);
    t.match(text, /ferry telemetry gaps --device cam-1/);
    await succeeds(fleet, "report", "fleet", "--window", "24h", "--out", report);
    t.match(readFileSync(report, "utf8"), /<svg[\s\S]*pixels\[\d+\]/);
    t.match(await succeeds(fleet, "report", "drift", "digits", "--format", "md"), /Drifting: \*\*\d+\*\*/);
  },
);
