/** What goes wrong on purpose: bad bundles, a broker that is gone, an agent that is killed. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createKeyFile } from "../../common/key-file.ts";
import { openLog } from "../../common/log.ts";
import type { DeviceId, FleetId, ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { quantileMs, startSteadyLoad } from "../../test/support/steady-load.ts";
import type { FleetDevice } from "../../test/support/fleet.ts";
import { openRogueController, withOneByteFlipped, type RogueDeployment } from "../../test/support/rogue-controller.ts";
import { until } from "../../test/support/until.ts";
import { copyOfDigits, signAndBuild, succeeded, type Story } from "./story.ts";
import { must } from "./teller.ts";

/** Requests each device gets in a second while things go wrong around it. */
const LOAD_PER_SECOND = 20;
const OUTAGE_MS = 15_000;
/** Enough chunks that a kill in the middle of them is easy to hit. */
const LARGE_FILE_BYTES = 48 * 1024 ** 2;

/** One to flip a byte of, one of a stranger's, and one whose golden set expects what the model does not answer. */
export function prepareBadBundles(story: Story): void {
  story.prepared.add("1.2.0", () => signAndBuild(story, copyOfDigits(story, "v1.1.0", "1.2.0"), "1.2.0"));
  story.prepared.add("1.2.1", () => writeStrangersArchive(story, join(story.directory, "stranger.key.pem")));
  story.prepared.add("1.3.0", () => {
    const bundle = copyOfDigits(story, "v1.1.0", "1.3.0");
    spoilGoldenSet(join(bundle, "golden.json"));
    return signAndBuild(story, bundle, "1.3.0");
  });
}

export async function tellBadBundles(story: Story): Promise<void> {
  const { fleet, teller, digits } = story;
  const loads = fleet.devices.map((device) => startSteadyLoad(device.url, digits, LOAD_PER_SECOND));
  const [good, strangers] = [await story.prepared.file("1.2.0"), await story.prepared.file("1.2.1")];

  await teller.step(
    "a bundle with one flipped byte, and one signed by a stranger, are refused by the controller",
    async () => {
      const flipped = join(story.directory, "flipped.bundle.tar");
      writeFileSync(flipped, withOneByteFlipped(readFileSync(good), "model.onnx"));
      const refusals = await Promise.all([flipped, strangers].map((file) => fleet.ferry("bundle", "push", file)));
      must(
        refusals.every(({ code }) => code !== 0),
        "neither is taken into the catalogue",
      );
      return refusals
        .map(({ stderr }) => /publisher-signature|bundle-file-digest/.exec(stderr)?.[0] ?? stderr.trim())
        .join(", ");
    },
  );

  await teller.step(
    "the same two, sent by a stolen controller that has the director's key, are refused on the devices",
    async () => {
      const [first, second] = fleet.devices;
      must(first !== undefined && second !== undefined, "there are two devices");
      await fleet.controller().stop();
      const wishes = new Map<DeviceId, RogueDeployment>([
        [first.id as DeviceId, await rogueWish(story, withOneByteFlipped(readFileSync(good), "model.onnx"), good)],
        [second.id as DeviceId, await rogueWish(story, readFileSync(strangers), strangers)],
      ]);
      const codes = await (async () => {
        const port = Number(new URL(fleet.brokerUrl).port);
        const log = openLog("rogue", "silent");
        await using _rogue = await openRogueController({
          home: fleet.home,
          fleet: fleet.fleetId as FleetId,
          port,
          deployments: wishes,
          log,
        });
        return await Promise.all([
          untilRefused(first, "bundle-file-digest"),
          untilRefused(second, "publisher-signature"),
        ]);
      })();
      await fleet.startController();
      return codes.join(", ");
    },
  );

  await teller.step("one whose golden set fails is refused by every device, and the rollout says why", async () => {
    succeeded(await fleet.ferry("bundle", "push", await story.prepared.file("1.3.0")));
    const rollout = await fleet.ferry(
      "rollout",
      "create",
      "digits@1.3.0",
      "--all",
      "--yes",
      "--watch",
      "--timeout",
      "60s",
    );
    must(
      rollout.code === 1,
      `the rollout fails, but it ended with ${String(rollout.code)}: ${rollout.stdout}${rollout.stderr}`,
    );
    return Promise.all(fleet.devices.map((device) => untilRefused(device, "self-test"))).then(
      (codes) => codes[0] ?? "",
    );
  });

  await teller.step("meanwhile the old model went on answering", async () => {
    const results = await Promise.all(loads.map((load) => load.stop()));
    const answers = results.flatMap((result) => result.answers);
    const failures = results.flatMap((result) => result.failures);
    must(failures.length === 0, `no request fails, but ${String(failures.length)} did: ${failures[0] ?? ""}`);
    must(
      answers.every(({ answer }) => answer.version === "1.1.0"),
      "every answer comes from 1.1.0",
    );
    return `${String(answers.length)} requests, 0 failed, all answered by 1.1.0`;
  });
}

export async function tellBrokerOutage({ fleet, teller, digits }: Story): Promise<void> {
  await teller.step(
    `controller and broker are killed for ${String(OUTAGE_MS / 1_000)} s: the devices go on answering`,
    async () => {
      const loads = fleet.devices.map((device) => startSteadyLoad(device.url, digits, LOAD_PER_SECOND));
      await fleet.controller().stop("SIGKILL");
      await sleep(OUTAGE_MS);
      const results = await Promise.all(loads.map((load) => load.stop()));
      const failures = results.flatMap((result) => result.failures);
      must(failures.length === 0, `no request fails, but ${String(failures.length)} did: ${failures[0] ?? ""}`);
      const pending = await Promise.all(
        fleet.devices.map(async (device) => (await statusOf(device)).telemetry.pending),
      );
      must(
        pending.every((count) => count > 0),
        `each device buffers telemetry, but they hold ${pending.join(", ")} records`,
      );
      const total = results.reduce((sum, result) => sum + result.answers.length, 0);
      const p99 = Math.max(...results.map((result) => quantileMs(result, 0.99))).toFixed(1);
      return `${String(total)} requests, 0 failed, p99 ${p99} ms; ${pending.join(" + ")} records buffered`;
    },
  );
  await teller.step("the broker is back: telemetry produced = received + declared gaps, none twice", async () => {
    await fleet.startController();
    const accounts = await until("every record has arrived", async () => {
      const streams = (await fleet.ferryJson("telemetry", "accounting")) as Account[];
      const complete =
        streams.length >= fleet.devices.length &&
        streams.every((stream) => stream.missing === 0 && stream.outstanding === 0);
      return complete && streams;
    });
    return accounts
      .map(
        ({ device, produced, received, declared }) =>
          `${device} ${String(produced)} = ${String(received)} + ${String(declared)}`,
      )
      .join("; ");
  });
}

interface Account {
  readonly device: string;
  readonly produced: number;
  readonly received: number;
  readonly declared: number;
  readonly missing: number;
  readonly outstanding: number;
}

export function prepareLargeBundle(story: Story): void {
  story.prepared.add("1.4.0", () => {
    const bundle = copyOfDigits(story, "v1.1.0", "1.4.0");
    writeFileSync(join(bundle, "training-data.bin"), randomBytes(LARGE_FILE_BYTES));
    return signAndBuild(story, bundle, "1.4.0");
  });
}

export async function tellKilledAgent(story: Story): Promise<void> {
  const { fleet, teller } = story;
  const victim = fleet.devices.at(-1);
  if (victim === undefined) throw new Error("there are no devices");
  succeeded(await fleet.ferry("bundle", "push", await story.prepared.file("1.4.0")));
  await teller.step(
    `${victim.id} is killed with SIGKILL in the middle of a ${String(LARGE_FILE_BYTES / 1024 ** 2)} MB transfer`,
    async () => {
      succeeded(await fleet.ferry("rollout", "create", "digits@1.4.0", "--all", "--yes"));
      const share = await until("a tenth of the transfer is done", async () => {
        const transfer = (await statusOf(victim)).slots[0]?.transfer;
        const done = transfer === undefined ? 0 : transfer.doneBytes / transfer.totalBytes;
        return done > 0.1 && done;
      });
      await victim.program().stop("SIGKILL");
      return `at ${(share * 100).toFixed(0)} %`;
    },
  );
  await teller.step("it comes back, resumes from what is on its disk, and converges with the others", async () => {
    const startedMs = performance.now();
    await victim.start();
    await until("every device has proved 1.4.0", () => allHaveProved(story), { timeoutMs: 60_000 });
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    const held = [
      ...victim
        .program()
        .output()
        .matchAll(/"heldBytes":(\d+)/g),
    ].map(([, bytes]) => Number(bytes));
    const resumed = Math.max(0, ...held);
    must(resumed > 0, "the agent resumes with bytes that it already had");
    return `${(resumed / 1024 ** 2).toFixed(1)} MB were not sent again, all devices proven ${seconds} s after its start`;
  });
}

/** By the newest rollout, which is the one whose transfer was cut off. */
async function allHaveProved({ fleet }: Story): Promise<boolean> {
  const [newest] = (await fleet.ferryJson("rollout", "list")) as readonly { readonly id: number }[];
  const shown = (await fleet.ferryJson("rollout", "show", String(newest?.id))) as {
    readonly devices: readonly { readonly state: string }[];
  };
  return shown.devices.length === fleet.devices.length && shown.devices.every(({ state }) => state === "done");
}

/** Of a refusal's sentence on one line of the story. */
const SENTENCE_CHARS = 60;

interface AgentStatus {
  readonly slots: readonly {
    readonly refusal?: { readonly code: string; readonly message: string };
    readonly transfer?: { readonly doneBytes: number; readonly totalBytes: number };
  }[];
  readonly telemetry: { readonly pending: number };
}

async function statusOf(device: FleetDevice): Promise<AgentStatus> {
  const response = await fetch(`${device.url}/status`);
  return (await response.json()) as AgentStatus;
}

async function untilRefused(device: FleetDevice, code: string): Promise<string> {
  return until(`${device.id} refuses with ${code}`, async () => {
    const refusal = (await statusOf(device)).slots.find((slot) => slot.refusal?.code === code)?.refusal;
    return refusal !== undefined && `${refusal.code} (${refusal.message.slice(0, SENTENCE_CHARS)}…)`;
  });
}

/** Swaps two expected outputs: a model that answers as it did in training no longer matches. */
function spoilGoldenSet(file: string): void {
  const golden = JSON.parse(readFileSync(file, "utf8")) as { cases: { outputs: unknown }[] };
  const [first] = golden.cases;
  const last = golden.cases.at(-1);
  if (first === undefined || last === undefined) throw new Error("the golden set is empty");
  [first.outputs, last.outputs] = [last.outputs, first.outputs];
  writeFileSync(file, JSON.stringify(golden));
}

async function writeStrangersArchive(story: Story, key: string): Promise<string> {
  const archive = join(story.directory, "stranger.bundle.tar");
  await createKeyFile(key);
  const bundle = copyOfDigits(story, "v1.1.0", "1.2.1");
  succeeded(await story.fleet.ferry("bundle", "sign", bundle, "--key", key));
  succeeded(await story.fleet.ferry("bundle", "build", bundle, "--output", archive));
  return archive;
}

async function rogueWish({ fleet }: Story, archive: Uint8Array, file: string): Promise<RogueDeployment> {
  const { stdout } = succeeded(await fleet.ferry("bundle", "inspect", file, "-o", "json"));
  const { statement, model } = JSON.parse(stdout) as {
    statement: StatementDigest;
    model: { name: ModelName; version: ModelVersion };
  };
  return { slot: { slot: model.name, model: model.name, version: model.version, statement }, archive };
}
