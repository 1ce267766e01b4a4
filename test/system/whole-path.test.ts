/** The main job with real processes, on the embedded broker and on Mosquitto: from an ONNX file to proof and answers. */
import t, { type Test } from "tap";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFleet, type Fleet } from "../support/fleet.ts";
import { openMosquitto, mosquittoPath } from "../support/mosquitto.ts";
import { OCR_ANGLE, SILERO_LEGACY, SILERO_V5, SILERO_V6, writeModelFolder } from "../support/real-models.ts";
import { until } from "../support/until.ts";

const DEVICES = [
  { id: "mic-1", labels: ["site=oslo"] },
  { id: "mic-2", labels: ["site=bergen"] },
];

const brokers = [
  { broker: "embedded", open: () => Promise.resolve(undefined), skip: false as const },
  { broker: "mosquitto", open: openMosquitto, skip: mosquittoPath === undefined && "mosquitto is not installed" },
];

for (const { broker, open, skip } of brokers) {
  t.test(`the whole path on the ${broker} broker`, { skip, timeout: 180_000 }, async (t) => {
    await using external = await open();
    const directory = t.testdir();
    await using fleet = await openFleet({
      directory,
      devices: DEVICES,
      ...(external === undefined ? {} : { brokerUrl: external.url }),
    });
    await fleet.startController();
    await Promise.all(fleet.devices.map((device) => device.start()));
    await until("both devices are online", async () => {
      const devices = (await fleet.ferryJson("device", "list")) as { online: boolean }[];
      return devices.filter((device) => device.online).length === 2;
    });

    await t.test("a voice detector goes to every device, and answers through the fleet", async (t) => {
      await push(fleet, directory, "silero-vad", "5.0.0", SILERO_V5);
      await rollOut(t, fleet, "silero-vad@5.0.0", "--all");
      const input = join(directory, "request.json");
      writeFileSync(input, JSON.stringify({ inputs: SILERO_V5.samples[0]?.inputs }));
      const answer = await fleet.ferryJson("predict", "mic-1", "silero-vad", "--input", input);
      t.match(answer, {
        model_version: "5.0.0",
        outputs: [{ name: "output", datatype: "FP32", shape: [1, 1] }, { name: "stateN" }],
      });
    });

    await t.test("its next version replaces it, and the evidence names it", async (t) => {
      await push(fleet, directory, "silero-vad", "6.0.0", SILERO_V6);
      await rollOut(t, fleet, "silero-vad@6.0.0", "--all");
      for (const device of fleet.devices) {
        const model = (await (await fetch(`${device.url}/v2/models/silero-vad`)).json()) as { versions: string[] };
        t.same(model.versions, ["6.0.0"]);
      }
    });

    await t.test(
      "a model with other inputs under the same name is refused at planning, with the difference",
      async (t) => {
        await push(fleet, directory, "silero-vad", "4.0.0", SILERO_LEGACY);
        const { code, stdout, stderr } = await fleet.ferry("rollout", "create", "silero-vad@4.0.0", "--all", "--yes");
        t.not(code, 0);
        for (const name of ["state", "h", "c"])
          t.match(stdout + stderr, new RegExp(`[-+].*\\b${name}\\b`), `the difference names ${name}`);
      },
    );

    await t.test("a second model runs beside it, on the devices that the selector names", async (t) => {
      await push(fleet, directory, "text-angle", "2.0.0", OCR_ANGLE);
      await rollOut(t, fleet, "text-angle@2.0.0", "-l", "site=bergen");
      const statuses = await Promise.all(
        fleet.devices.map(async ({ url }) => (await fetch(`${url}/v2/models/text-angle/ready`)).status),
      );
      t.same(statuses, [404, 200]);
      const input = join(directory, "angle.json");
      writeFileSync(input, JSON.stringify({ inputs: OCR_ANGLE.samples[0]?.inputs }));
      t.match(
        await fleet.ferryJson("predict", "mic-2", "text-angle", "--input", input),
        { model_version: "2.0.0" },
        "110 kB go in fragments",
      );
    });

    await t.test("all programs end within 5 s of SIGTERM", async (t) => {
      const programs = [...fleet.devices.map((device) => device.program()), fleet.controller()];
      const times = await Promise.all(programs.map((program) => program.stop()));
      t.ok(Math.max(...times) < 5_000, times.map(Math.round).join(", "));
    });
  });
}

async function push(
  fleet: Fleet,
  directory: string,
  name: string,
  version: string,
  model: typeof SILERO_V5,
): Promise<void> {
  const { bundle, samples } = writeModelFolder(join(directory, `${name}-${version}`), model);
  const commands = [
    ["bundle", "init", bundle, "--name", name, "--version", version, "--samples", samples],
    ["bundle", "sign", bundle],
    ["bundle", "push", bundle],
  ];
  for (const command of commands) {
    const { code, stderr } = await fleet.ferry(...command);
    if (code !== 0) throw new Error(`ferry ${command.join(" ")}: ${stderr}`);
  }
}

async function rollOut(t: Test, fleet: Fleet, bundle: string, ...to: string[]): Promise<void> {
  const { code, stdout, stderr } = await fleet.ferry(
    "rollout",
    "create",
    bundle,
    ...to,
    "--yes",
    "--watch",
    "--timeout",
    "90s",
  );
  if (code !== 0) t.comment(stdout + stderr);
  t.equal(code, 0, `${bundle} is rolled out`);
}
