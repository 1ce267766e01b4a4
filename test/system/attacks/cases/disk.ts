/** Whoever writes to the device's disk: what was verified once is verified again before it is loaded. */
import {
  chmodSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  openSync,
  writeSync,
  closeSync,
} from "node:fs";
import { join } from "node:path";
import type { AttackCase, Outcome, Stage } from "../attack.ts";
import { runnersOf } from "../../../support/processes.ts";
import { flipped, type Attacker } from "../attacker.ts";
import type { SlotReport } from "../../../../protocol/trust/report.ts";

/** Done while the device is off; it starts again without a director, so that nothing comes to its help. */
const whileOff = (
  one: Omit<AttackCase, "power" | "play" | "hasDowntime">,
  outcomeOf: (stage: Stage) => Promise<Outcome>,
): AttackCase => ({
  ...one,
  power: "disk",
  hasDowntime: true,
  play: async (stage, attempt) => {
    await stage.deploy([stage.spoils.next]);
    await stage.until(
      "the next model answers",
      ({ slots: [slot] }) => slot?.phase === "committed" && slot.active?.version === "1.1.0",
    );
    await stage.cutPower();
    await attempt();
    stage.honest.silent = true;
    await stage.powerUp();
    return outcomeOf(stage);
  },
});

export const DISK_ATTACKS: readonly AttackCase[] = [
  whileOff(
    {
      attack: "a verified model changed while the device is off",
      outcome: "bundle-file-digest",
      attempt: (attacker) => {
        overwrite(bundleFile(attacker, "next", "model.onnx"), flipped(attacker.bundle("next"), "model.onnx"));
      },
    },
    fallsBack,
  ),
  whileOff(
    {
      attack: "a file added to a verified bundle",
      outcome: "bundle-unlisted-file",
      attempt: (attacker) => {
        overwrite(bundleFile(attacker, "next", "extra.bin"), Buffer.from("more"));
      },
    },
    fallsBack,
  ),
  whileOff(
    {
      attack: "a link in the place of a verified model",
      outcome: "bundle-malformed",
      attempt: (attacker) => {
        const model = bundleFile(attacker, "next", "model.onnx");
        makeWritable(model);
        unlinkSync(model);
        symlinkSync("/etc/hostname", model);
      },
    },
    fallsBack,
  ),
  whileOff(
    {
      attack: "the newest pages of the state database damaged",
      outcome: "deployment-unfresh",
      attempt: ({ agent }) => {
        const path = join(agent.folder, "state.db");
        for (const file of [path, `${path}-wal`]) damage(file);
      },
    },
    saysDamaged,
  ),
  {
    attack: "a verified file swapped between its check and its loading",
    power: "disk",
    outcome: "bundle-file-digest",
    attempt: async (attacker) => {
      const path = bundleFile(attacker, "next", "model.onnx");
      // The runner's process is started when every file has been hashed, and before any is loaded.
      const before = new Set(runnersOf(attacker.agent.pid));
      await untilIn(20_000, () => runnersOf(attacker.agent.pid).some((pid) => !before.has(pid)));
      overwrite(path, Buffer.from(attacker.bundle("base").files.get("model.onnx") ?? []));
    },
    play: async ({ deploy, spoils, refusal }, attempt) => {
      const swapping = attempt();
      const deploying = deploy([spoils.next]);
      await swapping;
      await deploying;
      return refusal();
    },
  },
  {
    attack: "the power cut at every step",
    power: "disk",
    outcome: "recovers",
    hasDowntime: true,
    attempt: () => undefined,
    play: async ({ deploy, spoils, until, cutPower, powerUp, version }) => {
      const unseen = await spoils.unseen("3.0.0");
      const isThere = (slot: SlotReport | undefined) => slot?.active?.version === "3.0.0";
      await deploy([unseen]);
      for (const phase of ["transferring", "verifying", "qualifying"] as const) {
        await until(`${phase}, or past it`, ({ slots: [slot] }) => slot?.phase === phase || isThere(slot));
        await cutPower();
        await powerUp();
        if (!["1.0.0", "3.0.0"].includes(await version())) return "no effect";
      }
      await until("it converges", ({ slots: [slot] }) => slot?.phase === "committed" && isThere(slot));
      return "recovers";
    },
  },
];

/** What is on the disk is refused, and the model before it answers. */
async function fallsBack(stage: Stage): Promise<Outcome> {
  const seen = await stage.refusal("slot");
  return (await stage.version()) === "1.0.0" ? seen : "no effect";
}

/** The model answers from what else is on the disk, and nothing is installed until the director has been heard. */
async function saysDamaged(stage: Stage): Promise<Outcome> {
  const seen = await stage.refusal();
  const { refusal } = await stage.status();
  await stage.version();
  return refusal?.message.includes("state database was damaged") === true ? seen : "no effect";
}

function bundleFile(attacker: Attacker, name: string, file: string): string {
  return join(attacker.agent.folder, "bundles", attacker.bundle(name).slot.statement, file);
}

function makeWritable(file: string): void {
  chmodSync(join(file, ".."), 0o700);
}

/** In place, whatever its mode says: the attacker may do all that the agent may. */
function overwrite(file: string, bytes: Uint8Array): void {
  makeWritable(file);
  if (readdirSync(join(file, "..")).some((name) => file.endsWith(`/${name}`))) chmodSync(file, 0o600);
  writeFileSync(file, bytes);
}

function damage(file: string): void {
  const { size } = statSync(file);
  if (size === 0) return;
  const opened = openSync(file, "r+");
  writeSync(opened, Buffer.alloc(Math.min(size, 16_384), 0xff), 0, Math.min(size, 16_384), 0);
  closeSync(opened);
}

async function untilIn(ms: number, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("the moment did not come");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
