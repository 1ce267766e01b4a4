/** The main job: keys, devices, a first model, a second one under load. */
import { askOverBinary, askOverJson, topLabel, type DigitAnswer } from "../../test/support/digits.ts";
import { openMqttCaller } from "../../test/support/mqtt-caller.ts";
import { quantileMs, startSteadyLoad } from "../../test/support/steady-load.ts";
import { until } from "../../test/support/until.ts";
import { copyOfDigits, signAndBuild, succeeded, type Story } from "./story.ts";
import { must } from "./teller.ts";

/** Requests each device gets in a second while models are swapped under it. */
const LOAD_PER_SECOND = 50;

/** Two of each: what the three ways say is no matter of how many. */
const COMPARED_DIGITS = 20;
/** How far two float32 paths to one answer may lie apart: JSON prints 17 digits, so none at all beyond rounding. */
const SAME_ANSWER = 1e-6;

export async function tellJoining({ fleet, teller }: Story): Promise<void> {
  await teller.step("owner, publisher and director keys, and the root of trust", () =>
    Promise.resolve(`root pinned as ${fleet.rootPin.slice(0, 16)}…`),
  );
  await teller.step("controller with its own MQTT broker", async () => {
    await fleet.startController();
    return fleet.controllerUrl;
  });
  await teller.step("three agents check the root against the pin, and join", async () => {
    await Promise.all(fleet.devices.map((device) => device.start()));
    const online = await until("all agents are online", async () => {
      const devices = (await fleet.ferryJson("device", "list")) as { id: string; online: boolean }[];
      const ids = devices.filter((device) => device.online).map((device) => device.id);
      return ids.length === fleet.devices.length && ids;
    });
    return `${online.join(", ")} online`;
  });
}

/** `onBuilt` may begin what is built beside the rest of this chapter. */
export async function tellFirstModel(story: Story, onBuilt: () => void): Promise<void> {
  const { fleet, teller } = story;
  const digits = story.digits.slice(0, COMPARED_DIGITS);
  await teller.step("digits@1.0.0 (logistic regression) built, signed, pushed", async () => {
    const archive = await signAndBuild(story, copyOfDigits(story, "v1.0.0", "1.0.0"), "1.0.0");
    succeeded(await fleet.ferry("bundle", "push", archive));
    const { stdout } = succeeded(await fleet.ferry("bundle", "inspect", archive, "-o", "json"));
    const { statement } = JSON.parse(stdout) as { statement: string };
    return `statement ${statement.slice(0, 16)}…`;
  });
  onBuilt();
  await teller.step("rolled out to all devices, done counted from signed evidence", () => rollOut(story, "1.0.0"));
  await teller.step(
    "each device answers the same handwritten digits over HTTP JSON, HTTP binary and MQTT",
    async () => {
      await using caller = await openMqttCaller(
        fleet.brokerUrl,
        fleet.fleetId,
        "demo-caller",
        await fleet.callerTls("demo-caller"),
      );
      let right = 0;
      for (const device of fleet.devices) {
        for (const digit of digits) {
          const answers = [
            await askOverJson(device.url, digit),
            await askOverBinary(device.url, digit),
            await caller.askDigit(device.id, digit),
          ];
          const [first] = answers;
          must(
            first !== undefined && answers.every((answer) => isSame(answer, first)),
            `three ways give one answer for ${digit.name}`,
          );
          if (topLabel(first) === digit.label) right += 1;
        }
      }
      const asked = fleet.devices.length * digits.length;
      must(
        right / asked >= 0.9,
        `at least 90 % of the digits are read right, but it was ${String(right)} of ${String(asked)}`,
      );
      return `${String(asked * 3)} answers, ${String(right)} of ${String(asked)} digits read right`;
    },
  );
}

export function prepareSwap(story: Story): void {
  story.prepared.add("1.1.0", () => signAndBuild(story, copyOfDigits(story, "v1.1.0", "1.1.0"), "1.1.0"));
}

export async function tellHotSwap(story: Story): Promise<void> {
  const { fleet, teller, digits } = story;
  const before = await askFirstDevice(story);
  await teller.step(
    `hot swap to digits@1.1.0 (MLP) under ${String(LOAD_PER_SECOND)} requests a second on every device`,
    async () => {
      const loads = fleet.devices.map((device) => startSteadyLoad(device.url, digits, LOAD_PER_SECOND));
      succeeded(await fleet.ferry("bundle", "push", await story.prepared.file("1.1.0")));
      await rollOut(story, "1.1.0");
      const results = await Promise.all(loads.map((load) => load.stop()));
      const failures = results.flatMap((result) => result.failures);
      must(failures.length === 0, `no request fails, but ${String(failures.length)} did: ${failures[0] ?? ""}`);

      const after = await askFirstDevice(story);
      const known = new Map([...before, ...after].map(({ name, answer }) => [`${answer.version} ${name}`, answer]));
      const all = results.flatMap((result) => result.answers);
      const pure = all.every(({ digit, answer }) => {
        const expected = known.get(`${answer.version} ${digit.name}`);
        return expected !== undefined && isSame(answer, expected);
      });
      must(pure, "every answer comes from exactly one of the two versions");
      for (const [at, { answers }] of results.entries()) {
        const versions = [...new Set(answers.map(({ answer }) => answer.version))];
        must(
          versions.join() === "1.0.0,1.1.0",
          `device ${String(at)} answered with 1.0.0, then with 1.1.0, not ${versions.join()}`,
        );
      }
      const p99 = Math.max(...results.map((result) => quantileMs(result, 0.99))).toFixed(1);
      return `${String(all.length)} requests, 0 failed, p99 ${p99} ms`;
    },
  );

  /** One after the other: a device lets 256 wait. */
  async function askFirstDevice({ fleet: { devices }, digits }: Story) {
    const [device] = devices;
    if (device === undefined) throw new Error("there is no device");
    const answers: { readonly name: string; readonly answer: DigitAnswer }[] = [];
    for (const digit of digits) answers.push({ name: digit.name, answer: await askOverJson(device.url, digit) });
    return answers;
  }
}

export async function tellReport({ fleet, teller }: Story): Promise<void> {
  await teller.step("fleet report", async () => {
    const { stdout } = succeeded(await fleet.ferry("report", "fleet"));
    console.log(stdout);
    return "above";
  });
}

/** Creates a rollout to all devices and waits until it has completed. */
async function rollOut({ fleet }: Story, version: string): Promise<string> {
  const startedMs = performance.now();
  succeeded(
    await fleet.ferry("rollout", "create", `digits@${version}`, "--all", "--yes", "--watch", "--timeout", "60"),
  );
  return `${String(fleet.devices.length)} of ${String(fleet.devices.length)} devices in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
}

function isSame(one: DigitAnswer, other: DigitAnswer): boolean {
  return (
    one.version === other.version &&
    one.probabilities.length === other.probabilities.length &&
    one.probabilities.every(
      (probability, at) => Math.abs(probability - (other.probabilities[at] ?? Number.NaN)) <= SAME_ANSWER,
    )
  );
}
